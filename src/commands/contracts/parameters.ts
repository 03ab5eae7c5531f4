import { Command } from 'commander'
import { InvalidInputError } from '../../base/errors.js'
import { withContext } from '../../context.js'
import { parseParameterValue } from '../options/parameterValue.js'

/** `crynux contracts parameters` */
export const contractsParametersCommand = (): Command =>
  new Command('parameters')
    .description('Show every rule of a network with its bounds, its owner and its relays; with `set`, change one')
    .addHelpText(
      'after',
      `
Values and bounds are read from the chain. Bounds are those within which a value can be set now: some are narrowed by others.

Examples:
  $ crynux contracts parameters --network network.json
  $ crynux contracts parameters --json
  $ crynux contracts parameters set minimumFeeWei 0.5 --keystore owner.json`,
    )
    .action(async (_options: unknown, command: Command) => {
      await withContext(command, async ({ output, chain }) => {
        const [{ readParameterReport }, { formatParameters }] = await Promise.all([
          import('../../roles/operator/readParameterReport.js'),
          import('../../ui/formatContracts.js'),
        ])
        output.result('crynux.contracts-parameters/v1', await readParameterReport(await chain()), formatParameters)
      })
    })
    .addCommand(setCommand())

const setCommand = () =>
  new Command('set')
    .description("Change one rule of the network, within the contract's bounds; for the network's owner")
    .argument('<name>', 'a name in `contracts parameters`')
    .argument('<value>', 'CNX for …Wei, a duration for …Seconds, a percentage for …BasisPoints, else a number')
    .option('--dry-run', 'check it and show what it would do, and send nothing')
    .addHelpText(
      'after',
      `
The network's profile is brought up to date where it names the parameters.

Examples:
  $ crynux contracts parameters set minimumStakeWei 500 --keystore owner.json --network network.json
  $ crynux contracts parameters set uploadWindowSeconds 5m
  $ crynux contracts parameters set penaltyBasisPoints 2.5% --dry-run`,
    )
    .action(async (name: string, value: string, options: { dryRun?: true }, command: Command) => {
      await withContext(command, async (context) => {
        const [{ changeParameter }, { PARAMETER_DEFINITIONS, PARAMETER_NAMES }, { formatParameterChange }] =
          await Promise.all([
            import('../../roles/operator/changeParameter.js'),
            import('../../chain/read/parameterBounds.js'),
            import('../../ui/formatContracts.js'),
          ])
        const known = PARAMETER_NAMES.find((each) => each === name)
        if (known === undefined) {
          throw new InvalidInputError(`there is no parameter '${name}' that can be set`, {
            remedy: `The parameters are ${PARAMETER_NAMES.join(', ')}.`,
          })
        }
        const change = await changeParameter(await context.writer(), {
          name: known,
          value: parseParameterValue(value, PARAMETER_DEFINITIONS[known].unit),
          dryRun: options.dryRun === true,
          profilePath: context.setting('network'),
        })
        context.output.result('crynux.contracts-parameters-set/v1', change, formatParameterChange)
      })
    })
