import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  OutTargetError,
  planResultFiles,
  readUnchanged,
  refuseTakenPaths,
  writeResultFiles,
} from '../../../src/roles/app/resultFiles.js'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'crynux-files-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

const plan = (path: string, count = 1, extension: 'png' | 'json' = 'png') =>
  planResultFiles({ out: { path, force: false }, count, extension })
const bytes = (text: string) => new TextEncoder().encode(text)

describe('where result files go', () => {
  it('takes a path with the right extension for the file itself', async () => {
    expect(await plan(join(folder, 'a/b/picture.png'))).toEqual({
      paths: [join(folder, 'a/b/picture.png')],
      named: true,
    })
    expect(await plan(join(folder, 'answer.json'), 1, 'json')).toMatchObject({ named: true })
  })

  it('takes anything else for a folder', async () => {
    const both = [join(folder, 'pictures/0.png'), join(folder, 'pictures/1.png')]
    expect(await plan(join(folder, 'pictures'), 2)).toEqual({ paths: both, named: false })
    expect(await plan(`${join(folder, 'pictures.png')}/`)).toMatchObject({
      paths: [join(folder, 'pictures.png/0.png')],
    })
    expect(await plan(join(folder, 'cfg1.5'))).toMatchObject({ paths: [join(folder, 'cfg1.5/0.png')], named: false })
    await mkdir(join(folder, 'existing.png'))
    expect(await plan(join(folder, 'existing.png'))).toMatchObject({ paths: [join(folder, 'existing.png/0.png')] })
  })

  it.each([
    ['one file for two pictures', 'picture.png', 2],
    ['another kind of file', 'picture.jpg', 1],
    ['a place below a file', 'file/0/x.png', 1],
  ])('refuses %s', async (_name, path, count) => {
    await writeFile(join(folder, 'file'), '')
    await expect(plan(join(folder, path), count)).rejects.toThrow(OutTargetError)
  })

  it('finds out that a place cannot be written, and leaves nothing', async () => {
    await expect(plan('/proc/crynux/picture.png')).rejects.toThrow(OutTargetError)
    await plan(join(folder, 'deep/er/picture.png'))
    expect(await readdir(folder)).toEqual([])
  })

  it('looks without getting in the way of others who write to the same new folder', async () => {
    for (let round = 0; round < 20; round++) {
      const out = join(folder, `round-${round}`, 'pictures')
      const runs = Array.from({ length: 8 }, async (_, index) => {
        const { paths, named } = await plan(out)
        const files = paths.map((path) => path.replace('0.png', `${index}.png`))
        return writeResultFiles({ files: [bytes('x')], paths: files, named, force: false })
      })
      expect((await Promise.all(runs)).flat()).toHaveLength(8)
    }
  })
})

describe('writing result files', () => {
  it('finds out that a file is in the place of the folder', async () => {
    await writeFile(join(folder, 'taken'), 'x')
    await expect(plan(join(folder, 'taken/picture.png'))).rejects.toThrow(OutTargetError)
    await expect(plan(join(folder, 'taken'))).rejects.toThrow(OutTargetError)
  })

  it('replaces a named file, and leaves no temporary one', async () => {
    const path = join(folder, 'picture.png')
    await writeFile(path, 'old')
    await refuseTakenPaths({ paths: [path], named: true, force: false })
    const [written] = await writeResultFiles({ files: [bytes('new')], paths: [path], named: true, force: false })
    expect(await readFile(path, 'utf8')).toBe('new')
    expect(written).toEqual({ path, sha256: '11507a0e2f5e69d5dfa40a62a1bd7b6ee57e6bcd85c67c9b8431b36fff21c437' })
    expect(await readdir(folder)).toEqual(['picture.png'])
  })

  it('does not touch a folder in which another file is in the way, unless forced', async () => {
    const paths = [join(folder, '0.png'), join(folder, '1.png')]
    await writeFile(paths[1] ?? '', 'mine')
    const files = [bytes('a'), bytes('b')]
    await expect(refuseTakenPaths({ paths, named: false, force: false })).rejects.toThrow(OutTargetError)
    await expect(writeResultFiles({ files, paths, named: false, force: false })).rejects.toThrow(OutTargetError)
    expect(await readdir(folder)).toEqual(['1.png'])
    await writeResultFiles({ files, paths, named: false, force: true })
    expect(await readFile(paths[1] ?? '', 'utf8')).toBe('b')
  })

  it('writes again over the same content, as after a crash', async () => {
    const target = { paths: [join(folder, '0.png')], named: false, force: false }
    const first = await writeResultFiles({ files: [bytes('a')], ...target })
    expect(await writeResultFiles({ files: [bytes('a')], ...target })).toEqual(first)
    expect(await readUnchanged(first)).toEqual([Buffer.from('a')])
    await writeFile(join(folder, '0.png'), 'changed')
    expect(await readUnchanged(first)).toBeNull()
  })
})
