// Decides before the first paint whether the page is on a wall: by `?wall`, or by a large screen.
// It is no module, since modules run after the first paint.
(() => {
  const wish = new URLSearchParams(location.search).get("wall");
  const large = matchMedia(
    "(min-width: 2400px) and (min-height: 1200px), (min-width: 1200px) and (min-height: 2400px)",
  );
  const decide = () => {
    const isWall = wish === null ? large.matches : wish !== "off";
    document.documentElement.toggleAttribute("data-wall", isWall);
  };
  large.addEventListener("change", decide);
  decide();
})();
