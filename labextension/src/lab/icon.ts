import { LabIcon } from "@jupyterlab/ui-components";

/** A traceback with a mark at its last line; drawn in the colour that icons have in the theme. */
export const ICON = new LabIcon({
  name: "failextract-nb:failures",
  svgstr:
    '<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">' +
    '<g class="jp-icon3" fill="#616161">' +
    '<path d="M4 4h16v2H4zM4 9h11v2H4zM4 14h7v2H4z"/>' +
    '<path d="M18 12l6 11H12zm-.8 4v3.5h1.6V16zm0 4.4V22h1.6v-1.6z"/>' +
    "</g></svg>",
});
