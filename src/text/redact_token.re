/* SPDX-License-Identifier: Apache-2.0 */
#include "text/redact_token.h"

/* The text has no sentinel, so the end reads as a NUL, which stands for itself in a text, too. */
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
letter = [A-Za-z] | [\xc3-\xdf][\x80-\xbf] | [\xe0\xe1\xe4-\xed][\x80-\xbf][\x80-\xbf];
s = [ _-]?;
no = (s ('number' | 'no' | 'nr' | 'num' | 'id'))?;

/* Words and phrases that announce a value. */
passport = 'passport' 's'? no | 'travel document' no | 'reisepass' | 'pass-nr' | 'passnummer' | 'pasaporte'
        | 'passeport' | 'passaporto' | "\xec\x97\xac\xea\xb6\x8c" letter*;
licence = ('driver' "'"? 's'? "'"? | 'driving') s ('licence' | 'license' | 'permit') no | 'licence'
        | 'license' | ('licence' | 'license') s ('number' | 'no' | 'id') | 'dvla' (s 'no')?
        | 'f' "\xc3\xbc" 'hrerschein' letter* | 'fuehrerschein' letter* | 'permis de conduire' | 'patente'
        | 'permiso de conducir' | 'dl number';
national = 'national' s ('id' | 'identity' | 'identification') (s 'card')? no | 'national insurance' no
        | 'nino' | 'ni number' | 'social insurance' no | 'sin number'
        | 'tax' s ('id' | 'identification' | 'file') (s 'number')? | 'tfn' | 'tin' | 'itin' | 'ein'
        | 'nhs' no | 'aadhaar' no | 'aadhar' no | 'adhaar' no | 'pan' s ('number' | 'card') | 'gstin' no
        | 'abn' | 'acn' | 'nie' | 'nif' | 'dni' | 'cpf' | 'cnpj' | 'curp' | 'rfc' | 'pesel' | 'personnummer'
        | 'steuer-id' | 'steuernummer' | 'steueridentifikationsnummer' | 'sozialversicherungsnummer'
        | 'rentenversicherungsnummer' | 'codice fiscale' | 'partita iva' | 'rrn' | 'frn' | 'brn' | 'nric' no
        | 'uen' | 'tckn' | 'kimlik' | 'tc kimlik' | 'henkil' ("o" | "\xc3\xb6") 'tunnus' | 'hetu'
        | ('personal' s)? 'identity' s ('code' | 'card' | 'number') no | 'id card' no
        | ('thai' | 'korean' | 'african' | 'refugee' | 'citizen' | 'resident' | 'voter') s 'id' no | 'tnin'
        | 'nin' | 'kvnr' | 'krankenkasse' | 'egk-nummer' | 'lanr' | 'bsnr' | 'personalausweis' letter*
        | 'alien registration' no | 'bir tin' | 'organisationsnummer' | 'umsatzsteuer-id'
        | 'vat' s ('number' | 'id') | "\xe0\xb9\x80\xe0\xb8\xa5\xe0\xb8\x82" letter*;
bank = ('bank' s | 'checking ' | 'savings ' | 'deposit ')? ('account' | 'acct' | 'acc'
                | 'a/c') s ('number' | 'no' | 'num' | '#')
        | ('bank' | 'checking' | 'savings') s ('account' | 'acct') | 'acct' | 'acc'
        | 'routing' (s 'transit')? no | 'sort' s 'code' | 'aba' no | 'konto' | 'kontonummer' | 'blz'
        | 'bankleitzahl' | 'bsb' no | 'account' 's'?;
code = 'cvv' '2'? (s ('code' | 'number'))? | 'cvc' '2'? (s ('code' | 'number'))? | 'cv2' | 'csc'
        | ('card' s)? 'security' s 'code' | 'pin' (s ('code' | 'number'))? | 'otp' (s 'code')? | 'passcode'
        | ('verification' | 'authentication' | 'confirmation' | 'access' | '2fa' | 'sms'
                | 'login') s ('code' | 'pin')
        | 'one' s 'time' s ('code' | 'passcode' | 'pin') | 'the code' | 'tan' s ('code' | 'number');
ssn = 'ssn' 's'? no | 'social' (s 'security')? no;
phone = 'phone' 's'? no | 'telephone' no | 'tel' | 'mobile' no | 'mob' | 'cell' (s 'phone')? no | 'cellphone'
        | 'fax' | 'landline' | 'whatsapp' | 'call' | 'dial' | 'ring' | 'sms' | 'callback';
card = ('credit' | 'debit') s 'card' 's'? no | 'card' no | 'visa' | 'amex' | 'mastercard' | 'maestro'
        | 'card #';
other = ('medical' s)? 'record' s ('number' | 'no' | 'id') | 'mrn' | 'patient' no | 'medical file' no
        | 'policy' s ('number' | 'no' | 'id') | 'insurance' s ('number' | 'no' | 'id')
        | ('member' | 'membership' | 'subscriber' | 'beneficiary' | 'employee' | 'student' | 'medicare'
                | 'police' | 'health plan') s ('number' | 'no' | 'id')
        | 'vin' no | 'vehicle identification' no | ('license' | 'licence' | 'number') s 'plate' 's'? no
        | 'plate' no | 'plates' | 'plaka' letter* | 'kennzeichen' | 'car reg' | 'registration plate'
        | 'npi' no | 'provider' s 'identifier' | 'mbi' | 'certificate' s ('number' | 'no')
        | 'medical licen' [sc] 'e' no;
postcode = 'zip' 's'? (s 'code' 's'?)? | 'post' s 'code' 's'? | 'postal' s 'code' 's'? | 'plz'
        | 'postleitzahl' | 'code postal' | 'codigo postal';
reference = 'order' 's'? no | 'bestellung' | 'ordernummer' | 'rechnung' | 'tracking' no | 'parcel'
        | 'package' | 'shipment' | 'invoice' no | 'case' no | 'ticket' no | 'reference' no | 'ref' | 'isbn'
        | 'sku' | 'barcode' | 'serial' no | 'transaction' no
        | 'booking' s ('number' | 'reference' | 'id' | 'ref') | 'confirmation' no | 'coupon' | 'voucher'
        | 'purchase' | 'receipt' | 'commit' | 'version' | 'model' | 'part' s 'number' | 'product' no | 'item'
        | 'usps' | 'ups' | 'fedex' | 'dhl' | 'dpd' | 'claim' no | 'request' no | 'batch' | 'promo' | 'colour'
        | 'color' | 'error' (s 'code')? | 'lot' | 'build' | 'membership tier' | 'transcript id' | 'firmware'
        | 'article' | 'memo';
wallet = ('wallet' | 'bitcoin' | 'btc' | 'ethereum' | 'eth' | 'crypto'
                | 'litecoin') (s 'wallet')? (s 'address')?;
password = 'password' | 'passwort' | 'passwd' | 'pwd' | 'passphrase' | 'kennwort' | 'mot de passe'
        | 'contrase' ("n" | "\xc3\xb1") 'a' | 'wachtwoord' | 'senha';
user = 'user' s 'name' | 'user' s 'id' | 'login' (s ('name' | 'id'))? | 'user' | 'benutzername' | 'nutzername';
secret = ('api' | 'access' | 'secret' | 'auth' | 'private' | 'license' | 'account' | 'encryption'
                | 'signing') s ('key' | 'token' | 'secret')
        | 'apikey' | 'accesskey' | 'token' | 'secret' | 'bearer' | 'client' s 'secret' | 'credential' 's'?
        | 'authorization' | 'key';
birth = 'date of birth' | 'birth' s 'date' | 'birthdate' | 'dob' | 'd.o.b' '.'? | 'born' (' on')?
        | 'birthday' | 'geburtsdatum' | 'geboren' (' am')? | 'date de naissance' | 'fecha de nacimiento'
        | 'n' "\xc3\xa9" 'e'? ' le';
address = ('home' | 'mailing' | 'new' | 'billing' | 'shipping' | 'delivery' | 'postal' | 'street' | 'his'
                | 'her' | 'my' | 'current') s 'address'
        | 'address' | 'adresse' | 'lieferadresse' | 'rechnungsadresse' | 'direcci' ("o" | "\xc3\xb3") 'n'
        | 'indirizzo' | 'lives' (' '+ ('on' | 'at'))? | 'live' ' '+ ('on' | 'at') | 'living at' | 'corner of'
        | 'taxi to' | 'meet me at' | 'sent to' | 'send' ' '+ ('it' | 'them') ' to' | 'ship' (' it')? ' to'
        | 'shipped to' | 'deliver' (' it')? ' to' | 'delivered to' | 'moved to' | 'arrived at' | 'located at'
        | 'address to';
name = ('my' | 'full' | 'the') ' '+ 'name is' | 'name' "'s" | 'my name' "'s"
        | 'ich hei' ("ss" | "\xc3\x9f") 'e' | 'mein name ist' | 'me llamo' | 'mi nombre es'
        | 'je m' "'" 'appelle' | 'mon nom est' | 'mi chiamo' | 'meu nome ' ("e" | "\xc3\xa9") | 'me chamo'
        | 'mijn naam is' | 'ik heet' | 'name' ' '+ ('is' | 'was' | 'of')
        | 'under' ' '+ (('the' | 'my') ' '+)? 'name' (' of')? | 'in the name' (' of')?;
name_word = ('first' | 'last' | 'middle' | 'maiden' | 'family' | 'sur' | 'given' | 'full' | 'fore'
                | 'customer' | 'account' | 'cardholder' | 'contact') s 'name'
        | 'surname' | 'name' | 'nombre' | 'nachname' | 'vorname' | 'nom' | 'apellido' 's'? | 'account holder'
        | 'cardholder' | 'card holder' | 'account owner' | 'policyholder' | 'policy holder' | 'beneficiary';
for = ('reservation' | 'booking' | 'table' | 'booked' | 'reserved' | 'appointment' | 'lunch'
                | 'dinner') (' is')? ' '+ ('for' | 'under') (' my name')?
        | 'under' | 'call' 's'? ' me' | 'this is' | 'i' "'" 'm' | 'im' | 'i am' | 'follow up with'
        | 'speaking to' | 'spoke' ' '+ ('to' | 'with') | 'talked to' | 'belonging to' | 'belongs to'
        | 'used by' | 'signed by' | 'directed by' | 'starring' | 'attn' | 'attention' | 'met';
greeting = 'hi' | 'hello' | 'hey' | 'dear' | 'good ' ('morning' | 'afternoon' | 'evening') | 'hallo' | 'hola'
        | 'bonjour' | 'ciao' | 'sehr geehrte' 'r'? | 'liebe' 'r'? | 'estimad' [ao] | 'greetings';
closing = 'regards' | ('best' | 'kind' | 'warm' | 'many') ' ' ('regards' | 'wishes' | 'thanks') | 'sincerely'
        | 'yours' (' ' ('sincerely' | 'truly' | 'faithfully'))? | 'cheers' | 'thanks' | 'thank you'
        | 'many thanks' | 'cordialement' | 'saludos'
        | 'mit freundlichen gr' ("u" | "\xc3\xbc") ("ss" | "\xc3\x9f") 'en'
        | 'viele gr' ("u" | "\xc3\xbc") ("ss" | "\xc3\x9f") 'e' | 'mfg' | 'lg' | 'cordiali saluti'
        | 'atentamente' | 'love' | 'best' | 'from';
*/

#define TOKEN(kind_, topic_) \
        return (struct token){.start = (uint32_t)(start - text.ptr), .end = (uint32_t)(at - text.ptr), .kind = kind_, .topic = topic_}

struct token token_next(struct str text, size_t from)
{
        const char *at = text.ptr + from, *end = text.ptr + text.len, *marker = at;
        while (at < end && (*at == ' ' || *at == '\t' || *at == '\r'))
                at++;
        const char *start = at;
        if (at == end)
                TOKEN(TOKEN_END, TOPIC_NONE);
        /*!re2c
        "[" [A-Z] [A-Z_]* ("_REDACTED" ("_" digit+ "_" digit+)? | "_" digit+) "]" { TOKEN(TOKEN_TAG, TOPIC_NONE); }
        passport   { TOKEN(TOKEN_WORD, TOPIC_PASSPORT); }
        licence    { TOKEN(TOKEN_WORD, TOPIC_LICENCE); }
        national   { TOKEN(TOKEN_WORD, TOPIC_NATIONAL); }
        bank       { TOKEN(TOKEN_WORD, TOPIC_BANK); }
        code       { TOKEN(TOKEN_WORD, TOPIC_CODE); }
        ssn        { TOKEN(TOKEN_WORD, TOPIC_SSN); }
        phone      { TOKEN(TOKEN_WORD, TOPIC_PHONE); }
        card       { TOKEN(TOKEN_WORD, TOPIC_CARD); }
        other      { TOKEN(TOKEN_WORD, TOPIC_OTHER); }
        postcode   { TOKEN(TOKEN_WORD, TOPIC_POSTCODE); }
        reference  { TOKEN(TOKEN_WORD, TOPIC_REFERENCE); }
        wallet     { TOKEN(TOKEN_WORD, TOPIC_WALLET); }
        password   { TOKEN(TOKEN_WORD, TOPIC_PASSWORD); }
        user       { TOKEN(TOKEN_WORD, TOPIC_USER); }
        secret     { TOKEN(TOKEN_WORD, TOPIC_SECRET); }
        birth      { TOKEN(TOKEN_WORD, TOPIC_BIRTH); }
        address    { TOKEN(TOKEN_WORD, TOPIC_ADDRESS); }
        name       { TOKEN(TOKEN_WORD, TOPIC_NAME); }
        name_word  { TOKEN(TOKEN_WORD, TOPIC_NAME_WORD); }
        for        { TOKEN(TOKEN_WORD, TOPIC_FOR); }
        greeting   { TOKEN(TOKEN_WORD, TOPIC_GREETING); }
        closing    { TOKEN(TOKEN_WORD, TOPIC_CLOSING); }
        letter+                                                         { TOKEN(TOKEN_WORD, TOPIC_NONE); }
        digit+                                                          { TOKEN(TOKEN_NUMBER, TOPIC_NONE); }
        (letter | digit)+                                               { TOKEN(TOKEN_MIXED, TOPIC_NONE); }
        "\n"                                                            { TOKEN(TOKEN_LINE, TOPIC_NONE); }
        [\xc0-\xdf][\x80-\xbf] | [\xe0-\xef][\x80-\xbf][\x80-\xbf]
                | [\xf0-\xf7][\x80-\xbf][\x80-\xbf][\x80-\xbf]
                                                                        { TOKEN(TOKEN_PUNCT, TOPIC_NONE); }
        *                                                               { TOKEN(TOKEN_PUNCT, TOPIC_NONE); }
        */
}
