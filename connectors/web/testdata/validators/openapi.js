// Says what is wrong with an OpenAPI document; nothing where nothing is.
import { Validator } from '@seriousme/openapi-schema-validator'

const validator = new Validator()
const result = await validator.validate(process.argv[2])
if (!result.valid) console.log(JSON.stringify(result.errors, null, 1))
if (validator.version !== '3.1') console.log('it is of version', validator.version)
