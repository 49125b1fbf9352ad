// Loads pages of `--report` in headless Chromium without JavaScript, in light and dark, at the width of a phone and of a desk, and
// printed: nothing may overflow, nothing be fetched, and axe-core find no fault (contrast, names, structure).
//
// usage: check.mjs PICTURES PAGE…
//
// A picture of each is in PICTURES. CHROMIUM names the browser; /usr/bin/chromium without.
import { readFileSync, mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { chromium } from 'playwright-core'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const WIDTHS = [390, 1280]
const SCHEMES = ['light', 'dark']
// What Debian's Chromium needs for root, and what keeps it from looking for the network.
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
const PAGE_BYTES_MAX = 300_000

const label = file => basename(dirname(resolve(file)))

// In the page. What is wider than the window, or than its section.
function overflowing() {
  const wide = document.documentElement.scrollWidth > innerWidth ? [`the page is ${document.documentElement.scrollWidth} wide`] : []
  for (const element of document.body.querySelectorAll('*')) {
    const box = element.getBoundingClientRect()
    const style = getComputedStyle(element)
    if (box.width === 0 || style.visibility === 'hidden' || element.closest('.defs, defs, .sr')) continue
    const right = element.parentElement.closest('section')?.getBoundingClientRect().right ?? innerWidth
    if (box.right > right + 0.5 || box.left < -0.5) wide.push(`${element.tagName} .${element.getAttribute('class')} from ${box.left} to ${box.right}`)
  }
  return wide
}

// The page runs nothing; axe-core itself has timers, which need JavaScript.
async function faultsOfAxe(page) {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map(node => node.html + ' ' + (node.any[0]?.message ?? '')).join(' | ')}`)
}

const [pictures, ...files] = process.argv.slice(2)
mkdirSync(pictures, { recursive: true })
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ARGUMENTS })
let passed = 0
let failed = 0
const say = (name, found) => {
  if (found.length === 0) passed += 1
  else failed += 1
  console.log(`${found.length === 0 ? 'ok' : 'FAILED'} ${name}`)
  for (const fault of found) console.log(`    ${fault}`)
}
try {
  for (const file of files) {
    const url = pathToFileURL(resolve(file)).href
    for (const width of WIDTHS) {
      for (const colorScheme of SCHEMES) {
        const settings = { colorScheme, viewport: { width, height: 900 } }
        const name = `${label(file)}-${width}-${colorScheme}`
        const asked = []
        const plain = await browser.newPage({ ...settings, javaScriptEnabled: false })
        plain.on('request', request => asked.push(request.url()))
        await plain.goto(url)
        await plain.screenshot({ path: join(pictures, `${name}.png`), fullPage: true })
        const found = await plain.evaluate(overflowing)
        found.push(...asked.filter(other => other !== url).map(other => `fetched ${other}`))
        await plain.close()
        const page = await browser.newPage(settings)
        await page.goto(url)
        found.push(...(await faultsOfAxe(page)))
        await page.close()
        say(name, found)
      }
    }
    const page = await browser.newPage({ colorScheme: 'dark' })
    await page.goto(url)
    await page.emulateMedia({ media: 'print' })
    await page.setViewportSize({ width: 720, height: 1000 })
    const background = await page.evaluate(() => getComputedStyle(document.body).backgroundColor)
    const printed = background === 'rgb(255, 255, 255)' ? [] : [`printed on ${background}`]
    await page.pdf({ path: join(pictures, `${label(file)}.pdf`), printBackground: true, format: 'A4' })
    say(`${label(file)}-print`, [...printed, ...(await page.evaluate(overflowing)), ...(await faultsOfAxe(page))])
    await page.close()
    const bytes = readFileSync(file).length
    say(`${label(file)}-size`, bytes <= PAGE_BYTES_MAX ? [] : [`${bytes} bytes`])
  }
} finally {
  await browser.close()
}
console.log(`report-browser: ${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
