/**
 * Runs inside the page: every visible text whose contrast with the ground behind it is below WCAG AA
 * (4.5 : 1; 3 : 1 for large text), as `"text" 3.1 (color on ground)`.
 */
export function lowContrast(): string[] {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  if (!canvas) return ['no canvas']
  type Color = [number, number, number, number]

  /** Any CSS colour as red, green, blue, alpha: the browser itself converts it. */
  function toRgba(css: string): Color {
    canvas!.clearRect(0, 0, 1, 1)
    canvas!.fillStyle = css
    canvas!.fillRect(0, 0, 1, 1)
    const [red = 0, green = 0, blue = 0, alpha = 0] = canvas!.getImageData(0, 0, 1, 1).data
    return [red, green, blue, alpha / 255]
  }
  function over(top: Color, below: Color): Color {
    const mix = (index: 0 | 1 | 2): number => top[index] * top[3] + below[index] * (1 - top[3])
    return [mix(0), mix(1), mix(2), 1]
  }
  function groundOf(element: Element): Color {
    const layers: Color[] = []
    for (let at: Element | null = element; at; at = at.parentElement)
      layers.push(toRgba(getComputedStyle(at).backgroundColor))
    return layers.reverse().reduce((ground, layer) => over(layer, ground), [255, 255, 255, 1] as Color)
  }
  function luminance(color: Color): number {
    const part = (value: number): number => {
      const share = value / 255
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    }
    return 0.2126 * part(color[0]) + 0.7152 * part(color[1]) + 0.0722 * part(color[2])
  }

  const faults = new Set<string>()
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement
    const text = node.textContent?.trim() ?? ''
    if (
      !element ||
      text === '' ||
      element.closest(':disabled, [aria-disabled="true"], noscript, script, style')
    )
      continue
    const style = getComputedStyle(element)
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue
    const ground = groundOf(element)
    const color = over(toRgba(style.color), ground)
    const [bright, dark] = [luminance(color), luminance(ground)].sort((left, right) => right - left) as [
      number,
      number,
    ]
    const ratio = (bright + 0.05) / (dark + 0.05)
    const sizePx = Number.parseFloat(style.fontSize)
    const large = sizePx >= 24 || (sizePx >= 18.66 && Number.parseInt(style.fontWeight, 10) >= 700)
    if (ratio < (large ? 3 : 4.5))
      faults.add(
        `"${text.slice(0, 40)}" ${ratio.toFixed(2)} (${style.color} on ${ground.slice(0, 3).map(Math.round)})`,
      )
  }
  return [...faults]
}
