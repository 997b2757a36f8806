export interface MetricsPlace {
  name: 'grafana' | 'prometheus'
  /** Without a slash at the end. */
  path: string
  /** The other server's origin, when it is set. */
  url: string | undefined
}
