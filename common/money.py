"""Money: a decimal with its currency, written with at least the currency's decimals."""

from decimal import Decimal
from typing import Final

# ISO 4217, active codes; those without two decimals are listed apart.
_TWO: Final = (
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP "
    "CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES "
    "KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK "
    "NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB "
    "TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_NONE: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_THREE: Final = "BHD IQD JOD KWD LYD OMR TND"

DECIMALS: Final[dict[str, int]] = {
    **dict.fromkeys(_TWO.split(), 2),
    **dict.fromkeys(_NONE.split(), 0),
    **dict.fromkeys(_THREE.split(), 3),
}
"""Currency code to the number of its decimals."""

_SYMBOLS: Final = {
    "AUD": "A$", "BRL": "R$", "CAD": "CA$", "CNY": "CN¥", "EUR": "€", "GBP": "£", "HKD": "HK$", "ILS": "₪", "INR": "₹",
    "JPY": "¥", "KRW": "₩", "MXN": "MX$", "NZD": "NZ$", "PHP": "₱", "TWD": "NT$", "USD": "$", "VND": "₫", "XCD": "EC$",
}  # fmt: skip
"""Symbols that English uses instead of a code, as browsers do."""


NO_BREAK: Final = "\N{NO-BREAK SPACE}"


def plain(amount: Decimal, currency: str) -> str:
    """Return the amount with the currency's decimals, or more if the amount has more: `89.90`, `0.0125`."""
    min_decimals = DECIMALS.get(currency, 2)
    decimals = -int(amount.normalize().as_tuple().exponent)
    return f"{amount:.{max(min_decimals, decimals)}f}"


def format_money(amount: Decimal, currency: str) -> str:
    """Return the amount as English pages and the snippet show it: `€1,340.00`, `CHF 9.90`."""
    sign, figures = ("-" if amount < 0 else ""), plain(abs(amount), currency)
    whole, point, rest = figures.partition(".")
    symbol = _SYMBOLS.get(currency) or (currency and currency + NO_BREAK)
    return f"{sign}{symbol}{int(whole):,}{point}{rest}"
