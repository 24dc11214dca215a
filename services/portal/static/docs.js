// Swagger UI on our own joined description; nothing is asked of anybody else.
document.addEventListener("DOMContentLoaded", function () {
  "use strict";
  // The page has its own heading, there is one server, and a link inside of a button is none that a keyboard can use.
  const house = function (system) {
    const nothing = function () { return function () { return null; }; };
    const words = function () {
      return function (properties) { return system.React.createElement("span", null, properties.text); };
    };
    return { wrapComponents: { info: nothing, ServersContainer: nothing, DeepLink: words } };
  };
  window.SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#swagger-ui",
    docExpansion: "list",
    defaultModelsExpandDepth: -1,
    filter: true,
    validatorUrl: null,
    // A link must not make this page show, and send tokens to, the API of somebody else.
    queryConfigEnabled: false,
    presets: [window.SwaggerUIBundle.presets.apis],
    plugins: [house],
    layout: "BaseLayout",
  });
});
