import { Command } from 'commander'
import { withContext } from '../context.js'
import {
  parseSettingName,
  readConfiguration,
  resolveSetting,
  SETTINGS,
  type SettingName,
  type SettingOrigin,
  writeSetting,
} from '../store/configuration.js'

/** `crynux config`: the user's configuration file, and where each value comes from. */
export const configCommand = (): Command =>
  new Command('config')
    .description('Settings: flag, then environment, then configuration file, then default')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux config set network ~/crynux/network.json
  $ crynux config list --origin`,
    )
    .addCommand(getCommand())
    .addCommand(setCommand())
    .addCommand(listCommand())

const getCommand = () =>
  new Command('get')
    .description('Show the value of one setting')
    .argument('<name>', 'a name in `config list`')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux config get network`,
    )
    .action(async (name: string, _options: unknown, command: Command) => {
      await withContext(command, async ({ output }) => {
        output.result('crynux.config-get/v1', readShown(command, parseSettingName(name)), ({ value }) => value ?? '')
      })
    })

const setCommand = () =>
  new Command('set')
    .description('Write one setting to the configuration file, or remove it')
    .argument('<name>', 'a name in `config list`')
    .argument('[value]', 'left out: the setting is removed')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux config set network ~/crynux/network.json
  $ crynux config set network            # removes it`,
    )
    .action(async (name: string, value: string | undefined, _options: unknown, command: Command) => {
      await withContext(command, async ({ output }) => {
        const { path } = await writeSetting(parseSettingName(name), value)
        output.result('crynux.config-set/v1', { name, value: value ?? null, path }, (data) => `written to ${data.path}`)
      })
    })

const listCommand = () =>
  new Command('list')
    .description('Show all settings')
    .option('--origin', 'also where each value comes from')
    .addHelpText(
      'after',
      `
Examples:
  $ crynux config list --origin`,
    )
    .action(async (options: { origin?: true }, command: Command) => {
      await withContext(command, async ({ output }) => {
        const { formatTable } = await import('../ui/formatTable.js')
        const settings = (Object.keys(SETTINGS) as SettingName[]).map((name) => readShown(command, name))
        output.result('crynux.config-list/v1', { settings }, (data) =>
          formatTable<Shown>(data.settings, [
            { title: 'setting', value: ({ name }) => name },
            { title: 'value', value: ({ value }) => value ?? '-' },
            ...(options.origin ? [{ title: 'origin', value: ({ origin }: Shown) => origin }] : []),
          ]),
        )
      })
    })

type Shown = { name: SettingName; value: string | null; origin: SettingOrigin }

/** An RPC address may hold an access key, but it is the user's own, shown to nobody else. */
function readShown(command: Command, name: SettingName): Shown {
  const flag: unknown = command.optsWithGlobals()[name]
  const { value, origin } = resolveSetting(name, {
    flag: typeof flag === 'string' ? flag : undefined,
    environment: process.env,
    configuration: readConfiguration(),
  })
  return { name, value: value ?? null, origin }
}
