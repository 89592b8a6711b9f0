// Checks a state machine's definition, read from the standard input: exit status 0, or 1 with what is wrong.
import { readFileSync } from 'node:fs';
import validator from 'asl-validator';

const validate = validator.default ?? validator;
const { isValid, errors, errorsText } = validate(JSON.parse(readFileSync(0, 'utf8')), { checkPaths: true, checkArn: false });
if (!isValid) console.log(errorsText ? errorsText() : JSON.stringify(errors, null, 2));
process.exit(isValid ? 0 : 1);
