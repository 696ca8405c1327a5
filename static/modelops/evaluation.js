// Draws the figures of the evaluation report in the admin's light or dark colors; in print, light and as wide as paper.
// A figure is drawn when it comes near the screen: a dozen at once would block a slow machine for seconds.
"use strict";
(function () {
  const PAPER = 620; // the width of A4 and US letter between margins, in CSS pixels
  const NEAR = "600px"; // about a screen ahead
  let printed = false;
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const places = [...document.querySelectorAll("[data-figure]")];
  const met = new Set();

  function colors() {
    const style = getComputedStyle(document.documentElement);
    const of = (name) => style.getPropertyValue(name).trim();
    const dark = !printed && document.documentElement.classList.contains("dark");
    return {
      ink: of(dark ? "--color-base-300" : "--color-base-600"),
      line: of(dark ? "--color-base-800" : "--color-base-200"),
      series: dark ? ["#5ba696", "#e0a45c", "#8fb4e3", "#d58fb0"] : ["#2d6e62", "#a8590f", "#3f6ea8", "#9a3f6c"],
      fill: dark ? "#2f6a5e" : "#a9d5ca",
      chosen: dark ? "#6fc0af" : "#4f9f8f",
    };
  }

  function axis(own, color) {
    return { automargin: true, gridcolor: color.line, zerolinecolor: color.line, linecolor: color.line, ...own };
  }

  // Chosen values stand out: darker in light mode, brighter in dark mode.
  function markers(trace, color, own) {
    const chosen = trace.meta && trace.meta.chosen;
    if (!chosen) return trace.type === "bar" ? color.fill : own;
    return trace.x.map((_, at) => (chosen.includes(at) ? color.chosen : color.fill));
  }

  function draw(place) {
    const color = colors();
    const family = getComputedStyle(place).fontFamily; // "inherit" would be measured in another font, and cut legends
    const figure = figures[place.dataset.figure];
    const data = figure.data.map((trace, at) => {
      const { band, series } = { series: at, ...trace.meta }; // a band is the area of an interval
      const own = color.series[series % 4];
      return {
        ...trace,
        marker: { ...trace.marker, color: markers(trace, color, own) },
        line: { ...trace.line, color: own, width: band ? 0 : 2 },
        ...(band ? { fillcolor: own + "2e" } : {}),
        ...(trace.error_y ? { error_y: { ...trace.error_y, color: color.ink } } : {}),
        ...(trace.error_x ? { error_x: { ...trace.error_x, color: own } } : {}),
      };
    });
    const layout = {
      margin: { l: 56, r: 24, t: 24, b: 48 },
      font: { family, size: 12, color: color.ink },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      showlegend: false,
      legend: { orientation: "h", yanchor: "bottom", y: 1.02 },
      ...figure.layout,
      ...(printed ? { width: PAPER } : {}),
      xaxis: axis(figure.layout.xaxis, color),
      yaxis: axis(figure.layout.yaxis, color),
    };
    window.Plotly.react(place, data, layout, { displayModeBar: false, responsive: true });
  }

  function print(starts) {
    printed = starts;
    if (printed) places.forEach((place) => met.add(place));
    met.forEach(draw);
    if (!printed) met.forEach((place) => window.Plotly.Plots.resize(place));
  }

  const watch = new IntersectionObserver(
    (entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        watch.unobserve(target);
        met.add(target);
        draw(target);
      }
    },
    { rootMargin: NEAR + " 0px" },
  );
  for (const place of places) {
    place.style.height = figures[place.dataset.figure].layout.height + "px"; // keeps the content below in place
  }
  document.fonts.ready.then(() => places.forEach((place) => watch.observe(place))); // so that names are measured in it
  document.addEventListener("vitrine:figures", (event) => {
    Object.assign(figures, event.detail); // newer numbers for the same places
    met.forEach(draw);
  });
  window.addEventListener("beforeprint", () => print(true));
  window.addEventListener("afterprint", () => print(false));
  new MutationObserver(() => met.forEach(draw)).observe(document.documentElement, {
    attributes: true,
    attributeFilter: ["class"],
  });
})();
