/**
 * Texts of other people that try to become more than text. One that succeeds calls `boo`, makes an element with the
 * attribute `boo`, or a link to the host that is named. Each fits where a name does.
 */
export const hostileTexts: readonly string[] = [
  '<script boo>boo("script")</script>',
  '"><img boo src=x onerror=boo("img")>',
  "'><img boo src=x onerror=boo('img')>",
  '<svg boo/onload=boo("svg")>',
  '<svg boo><script href="data:text/javascript,boo(1)"/></svg>',
  '<svg boo><animate onbegin=boo("animate") attributeName=x dur=1s>',
  'javascript:boo("link")',
  'JaVaScRiPt&colon;boo("link")//',
  'data:text/html,<script boo>boo("data")</script>',
  '<a boo href="javascript:boo(1)">a prize</a>',
  '[a prize](javascript:boo("markdown"))',
  '![a prize](x" onerror="boo(1))',
  '<iframe boo srcdoc="<script>parent.boo(1)</script>">',
  '<object boo data="javascript:boo(1)">',
  '<details boo open ontoggle=boo("toggle")>',
  '<input boo autofocus onfocus=boo("focus")>',
  '<video boo><source onerror=boo("video")>',
  '<form boo><button formaction=javascript:boo(1)>pay',
  '<base boo href="https://hostile.example/">',
  '<meta boo http-equiv=refresh content="0;url=//hostile.example">',
  '<link boo rel=stylesheet href=//hostile.example/x.css>',
  '<style boo>@import "//hostile.example/x.css";</style>',
  '<b boo style="position:fixed;inset:0;background:url(//hostile.example)">',
  '<math><mtext><table><mglyph><style><img boo src=x onerror=boo(1)>',
  '<noscript><p title="</noscript><img boo src=x onerror=boo(1)>">',
  '<!--><img boo src=x onerror=boo("comment")>-->',
  '<![CDATA[<img boo src=x onerror=boo(1)>]]>',
  '</textarea></title></script><script boo>boo("breakout")</script>',
  '"};boo("json");//',
  '\\u003cimg boo src=x onerror=boo(1)\\u003e',
  "'-boo('quote')-'",
  // biome-ignore lint/suspicious/noTemplateCurlyInString: one that a template would fill in
  '${boo("template")}',
  '{{constructor.constructor("boo(1)")()}}',
  '<%= boo("erb") %>#{boo(1)}',
  '&lt;img boo src=x onerror=boo(1)&gt;',
  '%3Cimg%20boo%20src=x%20onerror=boo(1)%3E',
  '\uFF1Cimg boo src=x onerror=boo("wide")\uFF1E',
  '\u202E>)1(oob=rorreno x=crs oob gmi<\u202C',
  '\u2066evil\u2069\u200B\u200D\uFEFF',
  'Z\u0351\u036B\u0343\u036A\u0302\u0489a\u0316\u0317\u0318lgo',
  '__proto__',
  'constructor',
  'toString',
  '=HYPERLINK("https://hostile.example","boo")',
  '+1+cmd|"/c calc"!A1',
  'W'.repeat(100),
  '\u{1F600}'.repeat(50),
]

/** In the page: what came of the texts that should not have. */
export function grownFromText(): string[] {
  const nodes = [...document.querySelectorAll('[boo], boo')].map((node) => node.outerHTML.slice(0, 200))
  const links = [...document.querySelectorAll('[href], [src], [action], [formaction], [data]')]
    .flatMap((node) => ['href', 'src', 'action', 'formaction', 'data'].map((name) => node.getAttribute(name)))
    .filter((url) => url !== null && /^\s*(javascript|data:text|vbscript)|hostile\.example/i.test(url))
  return [...nodes, ...links.map((url) => `a link to ${url}`)]
}
