# ruff: noqa: E501
"""Drawings of furniture on a 400 × 400 sheet, floor at y = 320. Tokens: {c} color, {d} its shade, {l} its light, {w} wood."""

from typing import Final

FURNITURE: Final[dict[str, str]] = {
    "sofa": """<path fill="{w}" d="M84 292h10l-4 28h-10zM306 292h10l4 28h-10z"/>
<rect x="78" y="168" width="244" height="90" rx="26" fill="{d}"/><rect x="92" y="180" width="104" height="84" rx="18" fill="{c}"/>
<rect x="204" y="180" width="104" height="84" rx="18" fill="{c}"/><rect x="84" y="236" width="232" height="58" rx="16" fill="{l}"/>
<path d="M200 240v50" stroke="{d}" stroke-width="3"/><rect x="54" y="204" width="48" height="92" rx="22" fill="{c}"/>
<rect x="298" y="204" width="48" height="92" rx="22" fill="{c}"/>""",
    "armchair": """<path fill="{w}" d="M128 288h10l-8 32h-10zM262 288h10l8 32h-10z"/>
<rect x="128" y="132" width="144" height="150" rx="44" fill="{d}"/><rect x="144" y="148" width="112" height="110" rx="34" fill="{c}"/>
<rect x="132" y="232" width="136" height="58" rx="20" fill="{l}"/><rect x="102" y="198" width="42" height="94" rx="20" fill="{c}"/>
<rect x="256" y="198" width="42" height="94" rx="20" fill="{c}"/>""",
    "stool": """<path fill="{w}" d="M140 270h12l-10 50h-12zM248 270h12l10 50h-12z"/>
<rect x="118" y="214" width="164" height="66" rx="30" fill="{c}"/><path d="M126 240q74 26 148 0" stroke="{d}" stroke-width="4" fill="none"/>""",
    "table": """<path fill="{d}" d="M112 236h14l-16 84h-14zM274 236h14l16 84h-14zM176 236h10l-4 70h-10zM214 236h10l4 70h-10z"/>
<ellipse cx="200" cy="228" rx="132" ry="26" fill="{d}"/><ellipse cx="200" cy="220" rx="132" ry="26" fill="{c}"/>
<ellipse cx="182" cy="215" rx="88" ry="13" fill="{l}" opacity=".6"/>""",
    "cabinet": """<path fill="{w}" d="M84 286h10l-4 34h-10zM306 286h10l4 34h-10z"/><rect x="62" y="200" width="276" height="90" rx="8" fill="{d}"/>
<rect x="70" y="208" width="82" height="74" rx="4" fill="{c}"/><rect x="159" y="208" width="82" height="74" rx="4" fill="{l}"/>
<rect x="248" y="208" width="82" height="74" rx="4" fill="{c}"/><g fill="{d}"><circle cx="140" cy="245" r="4"/><circle cx="200" cy="222" r="4"/>
<circle cx="260" cy="245" r="4"/></g><path d="M159 245h82" stroke="{d}" stroke-width="3"/>""",
    "shelf": """<rect x="116" y="84" width="168" height="236" rx="6" fill="{d}"/><g fill="{l}"><rect x="126" y="94" width="148" height="64"/>
<rect x="126" y="166" width="148" height="64"/><rect x="126" y="238" width="148" height="72"/></g><g fill="{c}">
<rect x="136" y="112" width="12" height="46"/><rect x="151" y="104" width="10" height="54"/><rect x="164" y="116" width="14" height="42"/>
<rect x="226" y="184" width="12" height="46"/><rect x="241" y="178" width="14" height="52"/></g><rect x="140" y="268" width="56" height="42" rx="6" fill="{w}"/>
<circle cx="246" cy="138" r="18" fill="{w}"/><path d="M140 230q16-40 32 0z" fill="{c}"/>""",
    "bed": """<rect x="66" y="140" width="268" height="120" rx="18" fill="{d}"/><rect x="84" y="204" width="100" height="48" rx="18" fill="#fbf8f2"/>
<rect x="216" y="204" width="100" height="48" rx="18" fill="#fbf8f2"/><path d="M62 252q138-34 276 0v46H62z" fill="{l}"/>
<rect x="56" y="280" width="288" height="26" rx="8" fill="{c}"/><path fill="{w}" d="M74 304h14v16H74zM312 304h14v16h-14z"/>""",
    "mattress": """<rect x="56" y="214" width="288" height="88" rx="22" fill="#f7f3ea"/><rect x="56" y="258" width="288" height="44" rx="20" fill="{c}"/>
<path d="M64 258h272" stroke="{d}" stroke-width="4"/><g fill="{d}" opacity=".35"><circle cx="110" cy="236" r="4"/><circle cx="170" cy="236" r="4"/>
<circle cx="230" cy="236" r="4"/><circle cx="290" cy="236" r="4"/></g>""",
    "nightstand": """<path fill="{w}" d="M142 284h10l-6 36h-10zM248 284h10l6 36h-10z"/><rect x="126" y="186" width="148" height="104" rx="8" fill="{c}"/>
<rect x="136" y="198" width="128" height="36" rx="4" fill="{l}"/><rect x="136" y="242" width="128" height="38" rx="4" fill="{l}"/>
<g fill="{d}"><circle cx="200" cy="216" r="5"/><circle cx="200" cy="261" r="5"/></g><rect x="118" y="178" width="164" height="12" rx="6" fill="{d}"/>""",
    "wardrobe": """<rect x="104" y="70" width="192" height="242" rx="8" fill="{d}"/><rect x="112" y="78" width="86" height="226" fill="{c}"/>
<rect x="202" y="78" width="86" height="226" fill="{c}"/><g fill="{l}"><rect x="122" y="90" width="66" height="96" rx="3"/>
<rect x="212" y="90" width="66" height="96" rx="3"/></g><g fill="{w}"><rect x="186" y="196" width="6" height="30" rx="3"/>
<rect x="208" y="196" width="6" height="30" rx="3"/><rect x="112" y="312" width="14" height="8"/><rect x="274" y="312" width="14" height="8"/></g>""",
    "dining-table": """<path fill="{w}" d="M86 222h16l-8 98H78zM298 222h16l8 98h-16z"/><rect x="52" y="196" width="296" height="26" rx="8" fill="{c}"/>
<rect x="52" y="212" width="296" height="12" rx="6" fill="{d}"/><path d="M176 196q4-44 24-44t24 44z" fill="{l}"/>
<path d="M196 152q-22-26-6-46M204 152q20-22 10-52" stroke="#6f8a5b" stroke-width="5" fill="none"/>""",
    "desk": """<path fill="{w}" d="M70 214h12v106H70zM318 214h12v106h-12z"/><rect x="54" y="196" width="292" height="20" rx="6" fill="{c}"/>
<rect x="226" y="216" width="98" height="76" rx="4" fill="{d}"/><rect x="234" y="224" width="82" height="26" rx="3" fill="{l}"/>
<rect x="234" y="257" width="82" height="26" rx="3" fill="{l}"/><rect x="110" y="132" width="92" height="58" rx="6" fill="#41464d"/>
<rect x="116" y="138" width="80" height="46" rx="3" fill="{l}"/><path d="M150 190h12v6h-12z" fill="#41464d"/>""",
    "chair": """<path fill="{w}" d="M146 240h12l-8 80h-12zM242 240h12l8 80h-12z"/><path d="M142 92q58-22 116 0l-8 130H150z" fill="{c}"/>
<path d="M160 112q40-14 80 0l-5 84h-70z" fill="{l}"/><rect x="130" y="216" width="140" height="30" rx="14" fill="{d}"/>""",
    "office-chair": """<rect x="192" y="244" width="16" height="46" fill="#4a4e54"/><path d="M138 306q62-34 124 0" stroke="#4a4e54" stroke-width="10" fill="none"/>
<g fill="#34373b"><circle cx="138" cy="312" r="9"/><circle cx="200" cy="314" r="9"/><circle cx="262" cy="312" r="9"/></g>
<rect x="144" y="84" width="112" height="124" rx="34" fill="{c}"/><rect x="158" y="100" width="84" height="88" rx="24" fill="{l}"/>
<rect x="132" y="214" width="136" height="34" rx="17" fill="{d}"/><path d="M126 190v34M274 190v34" stroke="#4a4e54" stroke-width="9" stroke-linecap="round"/>""",
    "garden-chair": """<path d="M132 110l22 130M268 110l-22 130" stroke="{w}" stroke-width="10"/><g fill="{c}"><rect x="136" y="112" width="128" height="16" rx="8"/>
<rect x="140" y="138" width="120" height="16" rx="8"/><rect x="144" y="164" width="112" height="16" rx="8"/><rect x="148" y="190" width="104" height="16" rx="8"/></g>
<rect x="126" y="228" width="148" height="22" rx="10" fill="{d}"/><path d="M150 250l-20 70M250 250l20 70M150 320l96-66M250 320l-96-66" stroke="{w}" stroke-width="9" stroke-linecap="round"/>""",
}  # fmt: skip
