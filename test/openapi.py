#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that src/api/openapi.json says what the source does.

Every reference resolves, every example fits its schema, every problem of problem.def is an example
with its status and title in a response of that status, every route of routes.c is a path with its
method and scopes (and the other way round), and the vocabularies are those of core/*.def.

    test/openapi.py [ROOT]       check ROOT (default: the tree that holds this file)
    test/openapi.py --self-test  show that each check refuses a planted fault
"""
import copy
import json
import re
import sys
from pathlib import Path

DOCUMENT = 'src/api/openapi.json'
TYPES = {
    'object': lambda v: isinstance(v, dict),
    'array': lambda v: isinstance(v, list),
    'string': lambda v: isinstance(v, str),
    'boolean': lambda v: isinstance(v, bool),
    'null': lambda v: v is None,
    'integer': lambda v: isinstance(v, int) and not isinstance(v, bool),
    'number': lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
}
METHODS = {'get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace'}
# All that this checker knows of JSON Schema. An unknown keyword is a complaint, never ignored.
KEYWORDS = set('''$ref type enum oneOf properties required additionalProperties maxProperties items minItems maxItems
    minLength maxLength pattern minimum maximum description default format examples'''.split())


def walk(node, path='#'):
    """Every object of the document with its place."""
    if isinstance(node, dict):
        yield path, node
        for key, value in node.items():
            yield from walk(value, f'{path}/{key}')
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, f'{path}/{index}')


class Checker:
    def __init__(self, document, root):
        self.document = document
        self.root = root
        self.checks = 0
        self.complaints = []

    def check(self, is_right, complaint):
        self.checks += 1
        if not is_right:
            self.complaints.append(complaint)
        return is_right

    def resolve(self, node):
        """What the node or the reference in it stands for; None when that leads nowhere."""
        while isinstance(node, dict) and '$ref' in node:
            target = self.document
            for part in node['$ref'].removeprefix('#/').split('/'):
                target = target.get(part) if isinstance(target, dict) else None
            node = target
        return node

    # Schemas and examples

    def faults(self, value, schema, place):
        schema = self.resolve(schema)
        for keyword in schema.keys() - KEYWORDS:
            yield f'{place}: test/openapi.py does not know the keyword {keyword}'
        kinds = schema.get('type', [])
        kinds = [kinds] if isinstance(kinds, str) else kinds
        if kinds and not any(TYPES[kind](value) for kind in kinds):
            yield f'{place}: {value!r} is not of type {kinds}'
            return
        if 'enum' in schema and value not in schema['enum']:
            yield f'{place}: {value!r} is none of {schema["enum"]}'
        if 'oneOf' in schema and sum(not list(self.faults(value, s, place)) for s in schema['oneOf']) != 1:
            yield f'{place}: {value!r} does not fit exactly one of the alternatives'
        yield from self.faults_of_scalar(value, schema, place)
        if isinstance(value, list):
            if not schema.get('minItems', 0) <= len(value) <= schema.get('maxItems', len(value)):
                yield f'{place}: {len(value)} items'
            for index, item in enumerate(value):
                yield from self.faults(item, schema.get('items', {}), f'{place}/{index}')
        if isinstance(value, dict):
            yield from self.faults_of_object(value, schema, place)

    @staticmethod
    def faults_of_scalar(value, schema, place):
        if isinstance(value, str):
            if not schema.get('minLength', 0) <= len(value) <= schema.get('maxLength', len(value)):
                yield f'{place}: {value!r} has {len(value)} characters'
            if 'pattern' in schema and not re.search(schema['pattern'], value):
                yield f'{place}: {value!r} does not match {schema["pattern"]}'
        if TYPES['number'](value) and not schema.get('minimum', value) <= value <= schema.get('maximum', value):
            yield f'{place}: {value!r} is out of range'

    def faults_of_object(self, value, schema, place):
        properties = schema.get('properties', {})
        others = schema.get('additionalProperties', not properties)
        for name in schema.get('required', []):
            if name not in value:
                yield f'{place}: {name} is missing'
        if len(value) > schema.get('maxProperties', len(value)):
            yield f'{place}: too many members'
        for name, member in value.items():
            if name in properties:
                yield from self.faults(member, properties[name], f'{place}/{name}')
            elif others is False:
                yield f'{place}: {name} is not a member of the schema'
            elif isinstance(others, dict):
                yield from self.faults(member, others, f'{place}/{name}')

    def check_references(self):
        for place, node in walk(self.document):
            if isinstance(node.get('$ref'), str):
                self.check(self.resolve(node) is not None, f'{place}: {node["$ref"]} does not exist')
        used = {node['$ref'] for _, node in walk(self.document) if isinstance(node.get('$ref'), str)}
        for kind, entries in self.document['components'].items():
            for name in entries if kind != 'securitySchemes' else ():
                self.check(f'#/components/{kind}/{name}' in used, f'#/components/{kind}/{name} is never used')

    def check_examples(self):
        for place, node in walk(self.document):
            schema = node.get('schema')
            if schema is None or self.resolve(schema) is None:
                continue
            values = [(name, self.resolve(e)) for name, e in node.get('examples', {}).items()]
            values = [(name, e.get('value')) for name, e in values if e is not None]
            values += [('example', node['example'])] if 'example' in node else []
            for name, value in values:
                faults = list(self.faults(value, schema, f'{place}/{name}'))
                self.check(not faults, '; '.join(faults))

    # The source

    def source(self, path):
        return (self.root / path).read_text(encoding='utf-8')

    def responses(self):
        for path, item in self.document['paths'].items():
            for method in METHODS & item.keys():
                for status, response in item[method]['responses'].items():
                    yield f'{method} {path} {status}', status, self.resolve(response) or {}

    def check_problems(self):
        table = re.findall(r'^PROBLEM\(\w+, (\d+), "(\w+)", "([^"]+)"\)', self.source('src/api/problem.def'), re.M)
        self.check(len(table) > 10, 'problem.def could not be read')
        told = set()
        for place, status, response in self.responses():
            content = response.get('content', {}).get('application/problem+json', {})
            for name, example in content.get('examples', {}).items():
                value = self.resolve(example)['value']
                self.check(str(value['status']) == status, f'{place}: example {name} has status {value["status"]}')
                self.check('retry_after_seconds' not in value or 'Retry-After' in response.get('headers', {}),
                           f'{place}: Retry-After is missing')
                told.add((str(value['status']), value['error'], value['title']))
        for row in table:
            self.check(row in told, f'problem.def: {row} is no example of a response')
        for row in told - set(table):
            self.check(False, f'{DOCUMENT}: the problem {row} is not in problem.def')
        codes = self.document['components']['schemas']['Problem']['properties']['error']['enum']
        self.check(sorted(codes) == sorted(code for _, code, _ in table), 'Problem.error: not the codes of problem.def')

    def check_routes(self):
        rows = re.findall(r'\{"\w+", "([^"]+)", (true|false), HTTP_METHOD_(\w+), ACCESS_(\w+),\s*([^,]+),[^{}]*?(?:"(/\w+)")?\}',
                          self.source('src/api/routes.c'))
        self.check(len(rows) > 5, 'routes.c could not be read')
        known = {}
        for path, is_prefix, method, access, scopes, suffix in rows:
            name = next((p for p in self.document['paths'] if p.startswith(path + '{')), path) \
                if is_prefix == 'true' else path
            name += suffix
            known[(name, method.lower())] = (access, set(re.findall(r'SCOPE_(\w+)', scopes)))
        told = {(path, method) for path, item in self.document['paths'].items() for method in METHODS & item.keys()}
        for path, method in known.keys() - told:
            self.check(False, f'routes.c: {method} {path} is not documented')
        for path, method in told - known.keys():
            self.check(False, f'{DOCUMENT}: {method} {path} is no route')
        for path, method in told & known.keys():
            access, scopes = known[(path, method)]
            security = self.document['paths'][path][method]['security']
            named = {scope.upper() for row in security for names in row.values() for scope in names}
            expected = set() if access == 'OPEN' else scopes
            self.check(named == expected, f'{method} {path}: scopes {sorted(named)}, routes.c has {sorted(expected)}')

    def check_vocabularies(self):
        schemas = self.document['components']['schemas']
        for name, path, macro in (('Category', 'src/core/category.def', 'CATEGORY'),
                                  ('Intent', 'src/core/intent.def', 'INTENT')):
            words = re.findall(rf'^{macro}\(\w+, "(\w+)"', self.source(path), re.M)
            self.check(words and schemas[name]['enum'] == words, f'{name}: not the words of {path}')
        terms = self.source('src/core/terms.c')
        for schema, table in ((schemas['Channel'], 'channels'), (schemas['Priority'], 'priorities'),
                              (schemas['Severity'], 'severities'),
                              (schemas['TicketStatus'], 'ticket_statuses'),
                              (schemas['Classifier']['properties']['source'], 'sources')):
            found = re.search(rf'\b{table}\[\w+\] = \{{([^}}]*)\}}', terms)
            words = set(re.findall(r'"(\w+)"', found.group(1) if found else '')) - {'none'}
            self.check(set(schema['enum']) == words, f'{table} of core/terms.c: {sorted(words)} expected')

    def run(self):
        self.check(self.document.get('openapi', '').startswith('3.1.'), 'not OpenAPI 3.1')
        self.check_references()
        if not self.complaints:
            self.check_examples()
            self.check_problems()
            self.check_routes()
            self.check_vocabularies()
        return self.complaints


def plant(document, path, value):
    """A copy of the document with `value` at `path`; None removes what is there."""
    changed = copy.deepcopy(document)
    *parents, last = path
    node = changed
    for part in parents:
        node = node[part]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return changed


PLANTED = [
    (('openapi',), '3.0.3', 'not OpenAPI 3.1'),
    (('components', 'schemas', 'Decision', 'properties', 'next_step'), {'$ref': '#/components/schemas/Nothing'},
     'does not exist'),
    (('components', 'schemas', 'Unused'), {'type': 'string'}, 'is never used'),
    (('components', 'examples', 'Informational', 'value', 'category'), 'weather', 'is none of'),
    (('components', 'examples', 'Informational', 'value', 'confidence'), 1.2, 'out of range'),
    (('components', 'examples', 'Informational', 'value', 'reply'), None, 'reply is missing'),
    (('components', 'examples', 'ServiceAction', 'value', 'ticket', 'id'), 'tkt_1', 'exactly one'),
    (('components', 'examples', 'RequestInformational', 'value', 'text'), 'a', 'not a member'),
    (('components', 'schemas', 'Health', 'not'), {}, 'does not know the keyword'),
    (('components', 'responses', 'Gone', 'content'), None, 'is no example of a response'),
    (('components', 'responses', 'RateLimitExceeded', 'headers', 'Retry-After'), None, 'Retry-After is missing'),
    (('paths', '/metrics'), None, 'is not documented'),
    (('paths', '/api/v1/reviews', 'put'), {'responses': {}, 'security': []}, 'is no route'),
    (('paths', '/api/v1/reviews', 'get', 'security'), [{}], 'scopes'),
    (('components', 'schemas', 'Priority', 'enum'), ['low', 'medium', 'high', 'urgent', 'dire'], 'expected'),
]


def self_test(document, root):
    failed = 0
    for path, value, expected in PLANTED:
        complaints = Checker(plant(document, path, value), root).run()
        if not any(expected in complaint for complaint in complaints):
            failed += 1
            print(f'{"/".join(path)}: expected {expected!r}, got {complaints}', file=sys.stderr)
    print(f'{len(PLANTED) - failed} passed, {failed} failed')
    return 1 if failed else 0


def main():
    arguments = [a for a in sys.argv[1:] if a != '--self-test']
    if len(arguments) > 1 or any(a.startswith('-') for a in arguments):
        print(__doc__)
        return 0 if arguments in (['--help'], ['-h']) else 2
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    document = json.loads((root / DOCUMENT).read_text(encoding='utf-8'))
    if '--self-test' in sys.argv:
        return self_test(document, root)
    checker = Checker(document, root)
    for complaint in checker.run():
        print(complaint, file=sys.stderr)
    bad = len(checker.complaints)
    print(f'{checker.checks - bad} passed, {bad} failed')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
