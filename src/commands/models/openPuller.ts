import type { Context } from '../../context.js'
import type { ModelPuller } from '../../models/modelPuller.js'
import type { WantedFiles } from '../../models/modelStore.js'

/** The puller for this command's cache, quota and hub. */
export async function openPuller(
  { clock, modelCacheFolder, modelQuotaBytes }: Context,
  { offline = false, jobs }: { offline?: boolean | undefined; jobs?: number | undefined } = {},
): Promise<ModelPuller> {
  const [{ createModelPuller }, { readHubSettings }] = await Promise.all([
    import('../../models/modelPuller.js'),
    import('../../models/hub/hubSettings.js'),
  ])
  const hub = await readHubSettings(process.env)
  return createModelPuller({
    cacheFolder: await modelCacheFolder(),
    quotaBytes: await modelQuotaBytes(),
    hub: { ...hub, offline: hub.offline || offline },
    clock,
    ...(jobs === undefined ? {} : { jobs }),
  })
}

/** Fetches one model and shows how that goes on stderr. */
export async function pullShowing(context: Context): Promise<(modelId: string, wanted: WantedFiles) => Promise<void>> {
  const { output, signal, clock } = context
  const [puller, { openPullView }, { shownModelId }] = await Promise.all([
    openPuller(context),
    import('../../ui/pullView.js'),
    import('../../models/modelId.js'),
  ])
  return async (modelId, wanted) => {
    const view = await openPullView({ json: output.json, now: clock.now, title: shownModelId(modelId) })
    try {
      view.done(await puller.pull(modelId, { signal, ...wanted, onEvent: view.show }))
    } catch (error) {
      view.fail(signal.aborted ? 'interrupted; the same command goes on' : undefined)
      throw error
    } finally {
      await view.close()
    }
  }
}
