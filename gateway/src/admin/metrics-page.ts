/** The plain page that stands in for Grafana or Prometheus when it cannot be shown. */
export function metricsPage({
  title,
  message,
  requestId,
}: {
  title: string
  message: string
  requestId: string
}): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${text(title)} · Bourse</title></head>
<body>
<h1>${text(title)} is not shown</h1>
<p>${text(message)}</p>
<p><a href="/console/run/metrics">Metrics in the console</a></p>
<p><small>Request ${text(requestId)}</small></p>
</body>
</html>
`
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function text(value: string): string {
  return value.replace(/[&<>"']/g, (character) => ENTITIES[character] as string)
}
