# ruff: noqa: E501
"""Drawings of lamps, textiles, kitchenware and groceries on the same sheet and with the same tokens as furniture."""

from typing import Final

THINGS: Final[dict[str, str]] = {
    "floor-lamp": """<path d="M200 128v184" stroke="{w}" stroke-width="8"/><ellipse cx="200" cy="314" rx="52" ry="9" fill="{d}"/>
<path d="M152 72h96l26 84H126z" fill="{c}"/><path d="M126 156h148" stroke="{d}" stroke-width="5"/><path d="M140 160h120l40 120H100z" fill="#fff3c4" opacity=".45"/>""",
    "table-lamp": """<path d="M172 232q28-26 56 0l14 70q-42 22-84 0z" fill="{d}"/><rect x="194" y="196" width="12" height="34" fill="{w}"/>
<path d="M154 112h92l32 92H122z" fill="{c}"/><path d="M166 124h24l-10 68h-34z" fill="{l}" opacity=".7"/><ellipse cx="200" cy="312" rx="54" ry="7" fill="{w}"/>""",
    "desk-lamp": """<ellipse cx="164" cy="312" rx="56" ry="10" fill="{d}"/><path d="M164 306L120 216l106-82" stroke="{w}" stroke-width="10" fill="none" stroke-linejoin="round"/>
<path d="M206 104l66 34q10 40-24 56l-66-62z" fill="{c}"/><circle cx="120" cy="216" r="9" fill="{d}"/><path d="M246 194l34 88H150z" fill="#fff3c4" opacity=".4"/>""",
    "pendant": """<path d="M200 0v130" stroke="#4a4e54" stroke-width="4"/><rect x="186" y="120" width="28" height="26" rx="6" fill="{w}"/>
<path d="M104 232q0-92 96-92t96 92z" fill="{c}"/><path d="M124 222q8-64 62-70-34 26-36 70z" fill="{l}" opacity=".7"/>
<ellipse cx="200" cy="232" rx="96" ry="12" fill="{d}"/><path d="M118 240h164l44 80H74z" fill="#fff3c4" opacity=".45"/>""",
    "lantern": """<path d="M164 116q36-64 72 0" stroke="{w}" stroke-width="7" fill="none"/><path d="M140 116h120l14 24H126z" fill="{d}"/>
<rect x="136" y="140" width="128" height="164" rx="6" fill="{c}"/><rect x="150" y="154" width="100" height="136" fill="#fdf6dd"/>
<rect x="182" y="220" width="36" height="70" rx="4" fill="#fffaf0"/><path d="M200 180q20 26 0 40-20-14 0-40z" fill="#f0a64a"/><rect x="128" y="302" width="144" height="16" rx="5" fill="{d}"/>""",
    "bulb": """<path d="M200 84c-52 0-82 38-82 82 0 34 26 52 38 84h88c12-32 38-50 38-84 0-44-30-82-82-82z" fill="#fff3c4"/>
<path d="M172 246V190l28 22 28-22v56" stroke="{c}" stroke-width="6" fill="none"/><rect x="162" y="250" width="76" height="44" rx="8" fill="{d}"/>
<path d="M164 264h72M164 278h72" stroke="{l}" stroke-width="4"/><rect x="182" y="294" width="36" height="14" rx="6" fill="#4a4e54"/>""",
    "rug": """<path d="M84 170h232l36 130H48z" fill="{c}"/><path d="M102 184h196l28 102H74z" fill="none" stroke="{l}" stroke-width="6"/>
<g fill="{d}"><path d="M200 196l36 38-36 38-36-38zM112 234l22-20 22 20-22 22zM244 234l22-20 22 20-22 22z"/></g>
<path d="M48 300h304" stroke="{d}" stroke-width="6" stroke-dasharray="3 7"/>""",
    "cushion": """<path d="M104 116q96 24 192 0 22 92 0 186-96-20-192 0-24-94 0-186z" fill="{c}"/>
<path d="M126 140q74 16 148 0 14 70 0 140-74-14-148 0-16-70 0-140z" fill="none" stroke="{d}" stroke-width="3" stroke-dasharray="8 7"/>
<g stroke="{l}" stroke-width="8" stroke-linecap="round"><path d="M150 178h100M150 210h100M150 242h100"/></g>""",
    "throw": """<path d="M92 132h216v146H92z" fill="{c}"/><path d="M92 132h216v46H92z" fill="{l}"/><path d="M92 204h216M92 222h216" stroke="{d}" stroke-width="6"/>
<path d="M96 278v26M112 278v26M128 278v26M144 278v26M160 278v26M176 278v26M192 278v26M208 278v26M224 278v26M240 278v26M256 278v26M272 278v26M288 278v26M304 278v26" stroke="{d}" stroke-width="4"/>""",
    "curtain": """<path d="M64 84h272" stroke="{w}" stroke-width="10" stroke-linecap="round"/><rect x="150" y="92" width="100" height="150" fill="#eaf3f7"/>
<path d="M84 90h92q8 120-40 224H84z" fill="{c}"/><path d="M224 90h92v224h-52q-48-104-40-224z" fill="{c}"/>
<path d="M104 94v216M128 94q4 110-8 216M152 94q4 100-18 190M296 94v216M272 94q-4 110 8 216M248 94q-4 100 18 190" stroke="{d}" stroke-width="5" fill="none"/>""",
    "linen": """<rect x="88" y="232" width="224" height="74" rx="16" fill="{c}"/><rect x="98" y="176" width="204" height="66" rx="16" fill="{l}"/>
<rect x="112" y="128" width="176" height="56" rx="16" fill="#fbf8f2"/><path d="M88 268h224M98 208h204" stroke="{d}" stroke-width="3"/><rect x="182" y="124" width="36" height="184" rx="4" fill="{d}" opacity=".55"/>""",
    "towel": """<rect x="124" y="96" width="152" height="200" rx="10" fill="{c}"/><rect x="124" y="230" width="152" height="22" fill="{l}"/>
<rect x="124" y="260" width="152" height="8" fill="{d}"/><path d="M92 96h216" stroke="{w}" stroke-width="10" stroke-linecap="round"/>
<path d="M128 296v14M142 296v14M156 296v14M170 296v14M184 296v14M198 296v14M212 296v14M226 296v14M240 296v14M254 296v14M270 296v14" stroke="{d}" stroke-width="4"/>""",
    "napkins": """<path d="M106 160l110-44 82 62-110 48z" fill="{l}"/><path d="M106 160v104l82 66V226z" fill="{c}"/><path d="M298 178v104l-110 48V226z" fill="{d}"/>
<path d="M106 194l82 66 110-48M106 228l82 66 110-48" stroke="#fff" stroke-width="3" opacity=".55" fill="none"/>""",
    "mirror": """<circle cx="200" cy="192" r="112" fill="{c}"/><circle cx="200" cy="192" r="96" fill="#dbe8ee"/>
<path d="M140 250L250 122M170 270l98-112" stroke="#fff" stroke-width="10" opacity=".7" stroke-linecap="round"/>""",
    "vase": """<path d="M172 132h56q-8 30 26 72 34 60-16 114h-76q-50-54-16-114 34-42 26-72z" fill="{c}"/><path d="M166 210q-26 40-4 84" stroke="{l}" stroke-width="8" fill="none" stroke-linecap="round"/>
<path d="M192 134q-26-40-14-84M206 134q6-50 32-74M200 134q-2-30 0-96" stroke="#6f8a5b" stroke-width="4" fill="none"/><g fill="{l}"><circle cx="178" cy="50" r="13"/><circle cx="238" cy="58" r="12"/><circle cx="200" cy="36" r="13"/></g>""",
    "plant": """<path d="M134 224h132l-18 94H152z" fill="{c}"/><rect x="126" y="212" width="148" height="22" rx="8" fill="{d}"/>
<g fill="#5f8556"><path d="M198 212q-70-30-66-110 62 22 66 110z"/><path d="M202 212q70-30 66-110-62 22-66 110z"/></g><path d="M200 212q-34-70 0-140 34 70 0 140z" fill="#7ba06c"/>""",
    "basket": """<path d="M104 170h192l-22 140H126z" fill="{c}"/><path d="M112 200h176M116 232h168M121 264h158" stroke="{d}" stroke-width="5"/>
<path d="M140 172l10 136M180 172l4 136M220 172l-4 136M260 172l-10 136" stroke="{l}" stroke-width="5"/><path d="M150 170q50-84 100 0" stroke="{d}" stroke-width="9" fill="none"/>""",
    "plates": """<ellipse cx="200" cy="280" rx="128" ry="28" fill="{d}"/><ellipse cx="200" cy="268" rx="128" ry="28" fill="{l}"/>
<ellipse cx="200" cy="250" rx="104" ry="22" fill="{d}"/><ellipse cx="200" cy="240" rx="104" ry="22" fill="{c}"/><path d="M136 176h128q-6 60-64 60t-64-60z" fill="{l}"/>
<ellipse cx="200" cy="176" rx="64" ry="13" fill="{d}"/>""",
    "glasses": """<g fill="{c}" opacity=".75"><path d="M92 140h84l-10 168h-64z"/><path d="M224 140h84l-10 168h-64z"/></g><g fill="{l}"><path d="M98 206h72l-6 100h-60z"/>
<path d="M230 206h72l-6 100h-60z"/></g><g stroke="#fff" stroke-width="6" opacity=".8" stroke-linecap="round"><path d="M108 152l6 120M240 152l6 120"/></g>""",
    "pot": """<rect x="96" y="190" width="208" height="122" rx="18" fill="{c}"/><rect x="86" y="180" width="228" height="22" rx="10" fill="{d}"/>
<path d="M108 180q92-56 184 0z" fill="{l}"/><circle cx="200" cy="142" r="12" fill="{w}"/><path d="M96 226H66M304 226h30" stroke="{d}" stroke-width="14" stroke-linecap="round"/>
<path d="M116 222v64" stroke="{l}" stroke-width="8" stroke-linecap="round"/>""",
    "organizer": """<path d="M150 108l14-6 20 118h-18z" fill="{w}"/><path d="M206 96h14v124h-14z" fill="{l}"/><path d="M244 104l14 6-16 110h-14z" fill="{d}"/>
<path d="M150 108l14-6-8-22zM206 96h14l-7-20z" fill="#4a4e54"/><rect x="136" y="176" width="138" height="136" rx="8" fill="{c}"/><path d="M205 176v136" stroke="{d}" stroke-width="5"/>
<rect x="274" y="232" width="70" height="80" rx="8" fill="{d}"/><rect x="66" y="216" width="70" height="96" rx="8" fill="{d}"/><rect x="76" y="196" width="50" height="24" fill="#fbf8f2"/>
<rect x="150" y="228" width="42" height="30" rx="4" fill="{l}"/><circle cx="308" cy="226" r="16" fill="{w}"/>""",
    "mug": """<path d="M262 196h20q40 0 40 40t-40 40h-24" stroke="{d}" stroke-width="18" fill="none"/><path d="M112 160h156v104q0 50-50 50h-56q-50 0-50-50z" fill="{c}"/>
<ellipse cx="190" cy="160" rx="78" ry="16" fill="{d}"/><path d="M132 196v70" stroke="{l}" stroke-width="9" stroke-linecap="round"/>
<path d="M170 128q-14-22 0-44M206 128q-14-22 0-44" stroke="#b8b3a8" stroke-width="6" fill="none" stroke-linecap="round"/>""",
    "candle": """<path d="M200 76q26 34 0 58-26-24 0-58z" fill="#f0a64a"/><path d="M200 130v26" stroke="#4a4e54" stroke-width="4"/>
<rect x="132" y="156" width="136" height="156" rx="14" fill="{c}"/><ellipse cx="200" cy="158" rx="68" ry="14" fill="{l}"/><rect x="152" y="206" width="96" height="64" rx="4" fill="#fbf8f2"/>
<path d="M166 228h68M166 246h44" stroke="{d}" stroke-width="5"/>""",
    "coffee": """<path d="M130 112h140l12 200H118z" fill="{c}"/><path d="M130 112h140l-8-30H138z" fill="{d}"/><rect x="146" y="168" width="108" height="92" rx="8" fill="#fbf8f2"/>
<ellipse cx="200" cy="208" rx="22" ry="30" fill="#6b4a32"/><path d="M200 180q-14 28 0 56" stroke="#fbf8f2" stroke-width="4" fill="none"/>""",
    "soap": """<path d="M186 96h52M186 96v42" stroke="#4a4e54" stroke-width="12" fill="none" stroke-linecap="round"/><rect x="166" y="134" width="48" height="26" rx="5" fill="{w}"/>
<path d="M136 176q0-18 20-18h68q20 0 20 18v120q0 18-18 18h-72q-18 0-18-18z" fill="{c}"/><rect x="150" y="206" width="80" height="66" rx="6" fill="#fbf8f2"/>
<path d="M164 230h52M164 246h34" stroke="{d}" stroke-width="5"/>""",
    "carton": """<path d="M136 130l64-34 64 34v184H136z" fill="{c}"/><path d="M136 130h128l-64-34z" fill="{l}"/><rect x="152" y="178" width="96" height="92" rx="10" fill="#fbf8f2"/>
<circle cx="200" cy="224" r="28" fill="{d}"/>""",
    "can": """<rect x="132" y="114" width="136" height="196" rx="10" fill="{c}"/><ellipse cx="200" cy="116" rx="68" ry="16" fill="#c9ccd0"/><ellipse cx="200" cy="308" rx="68" ry="12" fill="#aab0b6"/>
<rect x="132" y="168" width="136" height="86" fill="#fbf8f2"/><circle cx="200" cy="211" r="26" fill="{d}"/>""",
    "bottle": """<path d="M178 76h44v58q40 22 40 66v100q0 14-14 14h-96q-14 0-14-14V200q0-44 40-66z" fill="{c}"/><rect x="176" y="64" width="48" height="22" rx="5" fill="{d}"/>
<rect x="138" y="208" width="124" height="66" fill="#fbf8f2"/><path d="M156 230h88M156 250h56" stroke="{d}" stroke-width="6"/>""",
    "fruit": """<path d="M200 150c60-40 112 6 104 70s-58 98-104 82c-46 16-96-18-104-82s44-110 104-70z" fill="{c}"/><path d="M200 150q-4-40 24-58" stroke="#6b4a32" stroke-width="8" fill="none"/>
<path d="M214 112q40-34 74-10-30 38-74 10z" fill="#7ba06c"/><path d="M126 206q6-34 36-40" stroke="{l}" stroke-width="10" fill="none" stroke-linecap="round"/>""",
}  # fmt: skip
