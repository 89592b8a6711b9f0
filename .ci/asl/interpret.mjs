// Runs a state machine in aws-local-stepfunctions; whoever starts this runs its tasks, line by line of JSON:
//   in   {"definition": {...}, "input": {...}, "context": {...}, "tasks": ["Name", ...]}
//   out  {"call": 1, "state": "Name", "input": {...}}      in  {"call": 1, "result": {...}}
//                                                          or  {"call": 1, "error": "Name", "cause": "..."}
//   out  {"status": "SUCCEEDED", "output": {...}} or {"status": "FAILED", "error": "Name", "cause": "..."}
import { createInterface } from 'node:readline';

// The package wants Node.js 22 for this alone.
Promise.withResolvers ??= () => {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
};
const { StateMachine } = await import('aws-local-stepfunctions');

const say = (message) => process.stdout.write(`${JSON.stringify(message)}\n`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { definition, input, context, tasks } = JSON.parse((await lines.next()).value);
const waiting = new Map();

const call = (state) => (given) => new Promise((resolve, reject) => {
  const number = waiting.size + 1;
  waiting.set(number, { resolve, reject });
  say({ call: number, state, input: given });
});
const handlers = Object.fromEntries(tasks.map((name) => [name, call(name)]));
const retries = Object.fromEntries(tasks.map((name) => [name, 0])); // at once: how long is not looked at here

(async () => {
  for await (const line of lines) {
    const { call: number, result, error, cause } = JSON.parse(line);
    const { resolve, reject } = waiting.get(number);
    if (error === undefined) resolve(result);
    else reject(Object.assign(new Error(cause), { name: error }));
  }
})();

try {
  const machine = new StateMachine(definition, { validationOptions: { checkArn: false } });
  const overrides = { taskResourceLocalHandlers: handlers, retryIntervalOverrides: retries };
  const output = await machine.run(input, { overrides, context }).result;
  say({ status: 'SUCCEEDED', output });
} catch (error) {
  const reason = error.cause ?? error;
  say({ status: 'FAILED', error: reason.name, cause: reason.message });
}
process.exit(0);
