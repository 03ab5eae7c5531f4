import { InvalidInputError } from '../../base/errors.js'
import { type Hex, isHex32 } from '../../base/hex.js'
import type { Context } from '../../context.js'
import type { TaskProgress } from '../../roles/app/taskProgress.js'
import type { AppDependencies } from '../../roles/app/taskSession.js'

/** What the application's role needs, made from a command's context. */
export async function appDependencies(
  context: Context,
  onProgress: (event: TaskProgress) => void = () => {},
): Promise<AppDependencies> {
  const [{ createRelayClient }, chain, wallet] = await Promise.all([
    import('../../relayClient/client.js'),
    context.writer(),
    context.wallet(),
  ])
  const { clock, logger, signal, dataFolder } = context
  const { chainId } = chain.profile
  const openRelay = (url: string) =>
    createRelayClient({ url: context.setting('relayUrl') ?? url, wallet, chainId, clock, signal })
  return { chain, wallet, openRelay, dataFolder, clock, logger, signal, onProgress }
}

/** The id of a task that the user named by its id or, for a task of their own, by its key. */
export async function taskIdFrom(context: Context, reference: string): Promise<Hex> {
  if (isHex32(reference)) return reference.toLowerCase() as Hex
  if (/^0x/i.test(reference)) {
    throw new InvalidInputError(`'${reference}' is no task id`, {
      remedy: "Give 0x and 64 hexadecimal digits, or the task's --key.",
    })
  }
  const [{ taskKeyOf }, { taskIdOf }] = await Promise.all([
    import('../../roles/app/prepareTask.js'),
    import('../../protocol/taskId.js'),
  ])
  return taskIdOf({ creator: (await context.wallet()).address, taskKey: taskKeyOf(reference) })
}
