import { economicsTables } from './tables.js'

/** The page with every table between `<!-- table NAME -->` and `<!-- end -->` replaced by what the formulas give. */
export const fillPage = (page: string): string =>
  page.replace(/(<!-- table (\w+) -->\n)[\s\S]*?(<!-- end -->)/g, (_, start: string, name: string, end: string) => {
    const table = economicsTables()[name]
    if (table === undefined) throw new Error(`there is no table '${name}'`)
    return `${start}${table}\n${end}`
  })
