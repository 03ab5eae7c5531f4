import { Command } from 'commander'
import { modelsListCommand } from './list.js'
import { modelsPullCommand } from './pull.js'
import { modelsRemoveCommand } from './remove.js'
import { modelsVerifyCommand } from './verify.js'

/** `crynux models`: the cache of model files. */
export const modelsCommand = (): Command =>
  new Command('models')
    .description('Fetch, list, check and remove model files')
    .addCommand(modelsListCommand())
    .addCommand(modelsPullCommand())
    .addCommand(modelsRemoveCommand())
    .addCommand(modelsVerifyCommand())
