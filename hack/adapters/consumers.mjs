// What applications do with the filters of the decision server: each function takes the server's answer and rows, and
// gives the ids of the rows that pass. docs/filters.md shows the same in parts.

import { Ability, subject } from '@casl/ability';
import { queryPlanToMongoose } from '@cerbos/orm-mongoose';
import { queryPlanToPrisma } from '@cerbos/orm-prisma';
import { CompoundCondition, FieldCondition } from '@ucast/core';
import { allInterpreters as inMemory, createJsInterpreter } from '@ucast/js';
import { allInterpreters, createSqlInterpreter } from '@ucast/sql';
import { find } from 'mingo';
import initSqlJs from 'sql.js';

const { Database } = await initSqlJs();

const quoted = (name) => `"${name.replaceAll('"', '""')}"`;

// select runs a condition in SQLite.
function select(rows, where, args) {
  const names = Object.keys(rows[0]);
  const db = new Database();
  try {
    db.run(`CREATE TABLE records (${names.map(quoted).join(', ')})`);
    for (const row of rows) {
      db.run(`INSERT INTO records VALUES (${names.map(() => '?').join(', ')})`, Object.values(row));
    }
    const [result] = db.exec(`SELECT id FROM records WHERE ${where} ORDER BY id`, args);
    return result ? result.values.flat() : [];
  } finally {
    db.close();
  }
}

// byKind answers for the kinds that need no condition.
const byKind = (conditional) => (answer, rows) => {
  switch (answer.kind) {
    case 'always':
      return rows.map((row) => row.id);
    case 'never':
      return [];
    case 'conditional':
      return conditional(answer, rows);
    default:
      throw new Error(`a filter of the kind ${answer.kind}`);
  }
};

// condition makes objects of ucast's classes.
const condition = ({ type, operator, field, value }) => type === 'compound'
  ? new CompoundCondition(operator, value.map(condition))
  : new FieldCondition(operator, field, value);

// SQL: comparisons with null are IS NULL and IS NOT NULL, and texts are looked for as they are, without wildcards.
const orNull = (operator, is) => (c, query) => c.value === null
  ? query.whereRaw(`${query.field(c.field)} is ${is}`)
  : query.where(c.field, operator, c.value);
const text = (sql) => (c, query) => query.whereRaw(sql(query.field(c.field), () => query.param(c.value)));
const toSql = createSqlInterpreter({
  ...allInterpreters,
  eq: orNull('=', 'null'),
  ne: orNull('<>', 'not null'),
  startswith: text((field, value) => `substr(${field}, 1, length(${value()})) = ${value()}`),
  endswith: text((field, value) => `substr(${field}, -length(${value()})) = ${value()}`),
  contains: text((field, value) => `instr(${field}, ${value()}) > 0`),
});
const sqlite = { escapeField: quoted, paramPlaceholder: () => '?', joinRelation: () => false };

const isText = (holds) => (c, object, { get }) => typeof get(object, c.field) === 'string' && holds(get(object, c.field), c.value);
const matches = createJsInterpreter({
  ...inMemory,
  startswith: isText((value, part) => value.startsWith(part)),
  endswith: isText((value, part) => value.endsWith(part)),
  contains: isText((value, part) => value.includes(part)),
});

// ability is CASL's, with a rule of which the conditions are in the form of ucast.
function ability(answer) {
  const rules = { always: [{ action: 'read', subject: 'order' }], never: [], conditional: [{ action: 'read', subject: 'order', conditions: answer.ucast }] };
  return new Ability(rules[answer.kind], {
    conditionsMatcher: (conditions) => {
      const ast = condition(conditions);
      return Object.assign((object) => matches(ast, object), { ast });
    },
  });
}

// plan is what Cerbos' SDK makes of an answer of Cerbos.
const operand = (o) => o.expression
  ? { operator: o.expression.operator, operands: o.expression.operands.map(operand) }
  : 'variable' in o ? { name: o.variable } : { value: o.value };
const plan = ({ kind, condition }) => ({ kind, condition: condition && operand(condition) });
const property = (name) => name.split('.').pop();

// inJavaScript is a filter of MongoDB for mingo, which runs it here: MongoDB's regular expressions say \\z for the end of a
// text, those of JavaScript do not.
const inJavaScript = (filter) => JSON.parse(JSON.stringify(filter), (key, value) => key === '$regex' ? value.replace(/\\z$/, '(?![^])') : value);

// whereSql says a Prisma filter in SQL, as Prisma does: comparisons with a column that is null are neither true nor
// false.
function whereSql(where, args) {
  const all = (list, word, none) => list.length ? `(${list.map((w) => whereSql(w, args)).join(` ${word} `)})` : none;
  const value = (v) => { args.push(v); return '?'; };
  const comparisons = { equals: '=', not: '<>', lt: '<', lte: '<=', gt: '>', gte: '>=' };
  const compare = (field, operator, v) => {
    if (v === null && (operator === 'equals' || operator === 'not')) {
      return `${field} IS ${operator === 'not' ? 'NOT ' : ''}NULL`;
    }
    if (operator in comparisons) {
      return `${field} ${comparisons[operator]} ${value(v)}`;
    }
    switch (operator) {
      case 'in':
        return `${field} IN (${v.map(value).join(', ')})`;
      case 'startsWith':
        return `substr(${field}, 1, length(${value(v)})) = ${value(v)}`;
      case 'endsWith':
        return `substr(${field}, -length(${value(v)})) = ${value(v)}`;
      case 'contains':
        return `instr(${field}, ${value(v)}) > 0`;
      default:
        throw new Error(`Prisma's operator ${operator}`);
    }
  };
  const parts = Object.entries(where).map(([key, v]) => {
    switch (key) {
      case 'AND':
        return all([v].flat(), 'AND', 'TRUE');
      case 'OR':
        return all([v].flat(), 'OR', 'FALSE');
      case 'NOT':
        return `NOT ${all([v].flat(), 'OR', 'FALSE')}`;
      default:
        return Object.entries(v).map(([operator, to]) => compare(quoted(key), operator, to)).join(' AND ');
    }
  });
  return `(${parts.join(' AND ')})`;
}

// consumers are, by the format that they read, who reads filters.
export const consumers = {
  ucast: {
    '@ucast/sql': byKind((answer, rows) => {
      const [where, args] = toSql(condition(answer.ucast), sqlite);
      return select(rows, where, args);
    }),
    '@ucast/js': byKind((answer, rows) => {
      const ast = condition(answer.ucast);
      return rows.filter((row) => matches(ast, row)).map((row) => row.id);
    }),
    '@casl/ability': (answer, rows) => {
      const can = ability(answer);
      return rows.filter((row) => can.can('read', subject('order', { ...row }))).map((row) => row.id);
    },
  },
  cerbos: {
    '@cerbos/orm-prisma': (answer, rows) => {
      const mapper = (name) => ({ field: property(name), nullAttributeRepresentation: 'explicit' });
      const { kind, filters } = queryPlanToPrisma({ queryPlan: plan(answer.cerbos), mapper });
      const args = [];
      return byKind(() => select(rows, whereSql(filters, args), args))({ kind: kinds[kind] }, rows);
    },
    '@cerbos/orm-mongoose': (answer, rows) => {
      const { kind, filters } = queryPlanToMongoose({ queryPlan: plan(answer.cerbos), mapper: (name) => ({ field: property(name) }) });
      return byKind(() => find(rows, inJavaScript(filters)).all().map((row) => row.id))({ kind: kinds[kind] }, rows);
    },
  },
  // SQLite itself.
  sqlite: {
    SQLite: byKind(({ sqlite: { where, args } }, rows) => select(rows, where, args)),
  },
};

const kinds = { KIND_ALWAYS_ALLOWED: 'always', KIND_ALWAYS_DENIED: 'never', KIND_CONDITIONAL: 'conditional' };
