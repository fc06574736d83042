/* SPDX-License-Identifier: Apache-2.0 */
#include "text/redact_lex.h"

/* The text has no sentinel, so the end reads as a NUL, which no rule matches. */
#define YYPEEK() (at < end ? (unsigned char)*at : 0)
#define YYSKIP() (++at)
#define YYBACKUP() (marker = at)
#define YYRESTORE() (at = marker)

/*!re2c
re2c:api = custom;
re2c:api:style = functions;
re2c:define:YYCTYPE = "unsigned char";
re2c:yyfill:enable = 0;
re2c:flags:tags = 0;

digit = [0-9];
hex = [0-9a-fA-F];
letter = [A-Za-z];
/* Letters of other scripts, without the punctuation and space blocks. */
foreign = [\xc3-\xdf][\x80-\xbf] | [\xe0\xe1\xe4-\xed][\x80-\xbf][\x80-\xbf];
label_char = letter | digit | foreign;
label = label_char (label_char | "-")*;
tld = (letter | foreign) (label_char | "-")* label_char;
dash = "-";
*/

const char *lex_domain(const char *at, const char *end)
{
        const char *marker = at;
        /*!re2c
        "@" (label ".")+ tld { return at; }
        * { return NULL; }
        */
}

const char *lex_joint(const char *at, const char *end, enum joint *ret_joint)
{
        const char *marker = at;
        /*!re2c
        " " | "  " { *ret_joint = JOINT_SPACE; return at; }
        dash | " " dash " " { *ret_joint = JOINT_DASH; return at; }
        "." { *ret_joint = JOINT_DOT; return at; }
        "/" | " / " { *ret_joint = JOINT_SLASH; return at; }
        "\r"? "\n" { *ret_joint = JOINT_LINE; return at; }
        (" " | dash | ".")? "(" | ")" (" " | dash | "." | "/")?
        | ") (" { *ret_joint = JOINT_PAREN; return at; }
        * { return NULL; }
        */
}

const char *lex_iban(const char *at, const char *end)
{
        const char *marker = at;
        /*!re2c
        letter letter digit digit ((" " | dash)? (letter | digit))+ { return at; }
        * { return NULL; }
        */
}

const char *lex_ip6(const char *at, const char *end)
{
        const char *marker = at;
        /*!re2c
        (hex+ ":" | "::") (hex+ ":" | ":")* (hex+ | (digit+ ".")+ digit+)? { return at; }
        * { return NULL; }
        */
}

const char *lex_masked_ssn(const char *at, const char *end)
{
        const char *marker = at;
        /*!re2c
        mask = [Xx*#];
        mask{3} dash (mask{2} | digit{2}) dash digit{4}
        | mask{3} dash digit{2} dash mask{4}
        | digit{3} dash mask{2} dash (mask{4} | digit{4})
        | digit{3} dash digit{2} dash mask{4} { return at; }
        * { return NULL; }
        */
}

const char *lex_extension(const char *at, const char *end)
{
        const char *marker = at;
        /*!re2c
        " "? ('x' | 'ext' "."? | 'extension') " "? digit+ { return at; }
        * { return NULL; }
        */
}

/*!re2c
phone_word = 'phone' | 'phone_number' | 'phonenumber' | 'mobile_number' | 'phones' | 'telephone' | 'tel'
        | 'mobile' | 'mob' | 'cell' | 'cellphone' | 'fax' | 'desk' | 'office' | 'landline' | 'whatsapp'
        | 'sms' | 'telefon' | 'telefono' | 'telepono' | 'handy' | 'hotline';
phone_verb = 'call' | 'called' | 'calling' | 'dial' | 'reach' | 'ring' | 'text' | 'texted' | 'contact'
        | 'callback';
social = 'ssn' | 'social' | 'ssns';
card = 'card' | 'visa' | 'amex' | 'mastercard' | 'credit' | 'debit' | 'maestro' | 'discover' | 'pan';
reference = 'order' | 'bill' | 'rechnung' | 'bestellung' | 'sendung' | 'orders' | 'ord' | 'ordernummer'
        | 'po' | 'tracking' | 'track' | 'parcel' | 'package' | 'shipment' | 'consignment' | 'invoice'
        | 'inv' | 'case' | 'ticket' | 'reference' | 'ref' | 'isbn' | 'isbn-10' | 'isbn-13' | 'sku'
        | 'item' | 'barcode' | 'serial' | 'usps' | 'ups' | 'fedex' | 'dhl' | 'dpd' | 'hermes' | 'model'
        | 'booking' | 'product' | 'transaction' | 'confirmation' | 'coupon' | 'voucher' | 'ean' | 'upc'
        | 'gtin' | 'article' | 'receipt' | 'purchase' | 'order_id' | 'batch' | 'lot' | 'imei';
record = 'account' | 'customer' | 'kundennummer' | 'acct' | 'vat' | 'tax' | 'tin' | 'passport'
        | 'licence' | 'license' | 'npi' | 'abn' | 'acn' | 'aadhaar' | 'medicare' | 'mrn' | 'id'
        | 'policy' | 'claim' | 'memo' | 'statement' | 'routing' | 'sort' | 'nhs' | 'request' | 'patient'
        | 'member';
version = 'version' | 'versions' | 'v' | 'ver' | 'firmware' | 'section' | 'driver' | 'app' | 'build'
        | 'release' | 'chapter' | 'software' | 'update' | 'clause' | 'paragraph';
/* Words that may stand between a cue and its number without weakening it. */
filler = 'number' | 'numbers' | 'no' | 'nr' | 'num' | 'is' | 'was' | 'the' | 'my' | 'code' | 'and'
        | 'with' | 'says' | 'or' | 'i' | 'given' | 'no.' | 'nr.'
        | 'on' " "+ ('the' | 'my' | 'this') " "+ ('account' | 'file' | 'profile');
word = (letter | digit | "_" | [\x80-\xff])+;
*/

/* A reference, a record or a version speaks only for the number right behind it ("order number 12"); a
 * phone, card or SSN cue for the rest of its sentence ("call me tomorrow on 12"). */
static enum cue after_other_word(enum cue cue)
{
        return cue == CUE_REFERENCE || cue == CUE_RECORD || cue == CUE_VERSION ? CUE_NONE : cue;
}

enum cue lex_cue(struct str before)
{
        const char *at = before.ptr, *end = before.ptr + before.len, *marker = at;
        enum cue cue = CUE_NONE;
        while (at < end) {
                /*!re2c
                phone_word | phone_verb | 'my' " "+ 'number' { cue = CUE_PHONE; continue; }
                social { cue = CUE_SSN; continue; }
                'social' " "+ 'security' { cue = CUE_SSN; continue; }
                card { cue = cue == CUE_REFERENCE ? cue : CUE_CARD; continue; }
                reference { cue = CUE_REFERENCE; continue; }
                record { cue = cue == CUE_REFERENCE ? cue : CUE_RECORD; continue; }
                version { cue = CUE_VERSION; continue; }
                filler { continue; }
                word { cue = after_other_word(cue); continue; }
                [.?!] [ \n] { cue = CUE_NONE; continue; }
                "\n" { cue = after_other_word(cue); continue; }
                * { continue; }
                */
        }
        return cue;
}

bool lex_is_phone_word(const char *at, const char *end)
{
        const char *marker = at;
        /*!re2c
        [ (,-]+ phone_word { return !(at < end && ((*at | 0x20) >= 'a' && (*at | 0x20) <= 'z')); }
        * { return false; }
        */
}
