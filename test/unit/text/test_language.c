/* SPDX-License-Identifier: Apache-2.0 */
#include "unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text/language.h"

static void assert_guess(const char *text, enum language expected)
{
        enum language guess = language_guess(str_from(text));
        if (guess != expected)
                fail_msg("\"%s\" is %d, not %d", text, (int)guess, (int)expected);
}

static void the_known_languages_are_told_apart(void **state)
{
        (void)state;
        static const struct {
                enum language language;
                const char *text;
        } cases[] = {
                {LANGUAGE_ENGLISH, "where is my order, it should have come yesterday"},
                {LANGUAGE_ENGLISH, "I want to die"},
                {LANGUAGE_ENGLISH, "cant log in to my acount plz help"},
                {LANGUAGE_ENGLISH, "do you have this in blue?"},
                {LANGUAGE_ENGLISH, "cancel my subscription and refund me"},
                {LANGUAGE_ENGLISH, "THE DRIVER WAS RUDE TO ME"},
                {LANGUAGE_ENGLISH, "my father cannot breathe x x x x x x x x x x x x x x x x x x x x x x x x x x x x x x"},
                {LANGUAGE_UNCLEAR, "x x x x x x x x x x x x"},
                {LANGUAGE_ENGLISH, "la la land blu ray arrived scratched, refund please"},
                {LANGUAGE_SPANISH, "quiero morir, no aguanto más"},
                {LANGUAGE_SPANISH, "¿dónde está mi pedido? llevo una semana esperando"},
                {LANGUAGE_SPANISH, "me han cobrado dos veces la misma factura"},
                {LANGUAGE_SPANISH, "no puedo respirar, ayuda"},
                {LANGUAGE_SPANISH, "quiero hablar con una persona"},
                {LANGUAGE_FRENCH, "où est mon colis, il devait arriver hier"},
                {LANGUAGE_FRENCH, "je veux mourir, je n'en peux plus"},
                {LANGUAGE_FRENCH, "j'ai été débité deux fois ce mois-ci"},
                {LANGUAGE_FRENCH, "JE VOUDRAIS PARLER A QUELQU'UN"},
                {LANGUAGE_FRENCH, "comment changer mon adresse svp"},
                {LANGUAGE_GERMAN, "wo bleibt meine Bestellung, die sollte gestern kommen"},
                {LANGUAGE_GERMAN, "ich will nicht mehr leben"},
                {LANGUAGE_GERMAN, "mir wurde der Betrag zweimal abgebucht"},
                {LANGUAGE_GERMAN, "ich moechte kuendigen"},
                {LANGUAGE_GERMAN, "haben Sie das auch in Größe M?"},
                {LANGUAGE_PORTUGUESE, "onde está minha encomenda? era para ter chegado ontem"},
                {LANGUAGE_PORTUGUESE, "não quero mais viver"},
                {LANGUAGE_PORTUGUESE, "fui cobrado duas vezes na fatura"},
                {LANGUAGE_PORTUGUESE, "nao consigo entrar na minha conta"},
                {LANGUAGE_PORTUGUESE, "quero falar com um atendente"},
                {LANGUAGE_UNCLEAR, ""},
                {LANGUAGE_UNCLEAR, "ok"},
                {LANGUAGE_UNCLEAR, "12345 678"},
                {LANGUAGE_UNCLEAR, "Hola"},
                {LANGUAGE_UNCLEAR, "??? !!!"},
                {LANGUAGE_UNCLEAR, "A-4711"},
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                assert_guess(cases[i].text, cases[i].language);
}

static void messages_in_other_languages_are_not_taken_for_known_ones(void **state)
{
        (void)state;
        static const char *const cases[] = {
                "dov'è il mio pacco? doveva arrivare ieri",
                "vorrei annullare l'ordine e riavere i soldi",
                "mi hanno addebitato due volte lo stesso importo",
                "buongiorno, quali sono gli orari del negozio?",
                "waar blijft mijn pakket, het zou gisteren komen",
                "ik wil graag mijn geld terug",
                "mijn wachtwoord werkt niet meer",
                "hoe kan ik mijn abonnement opzeggen?",
                "er is twee keer geld afgeschreven van mijn rekening",
                "gdzie jest moja paczka, miała być wczoraj",
                "chciałbym zwrócić buty i odzyskać pieniądze",
                "nie moge zalogowac sie na konto",
                "ile kosztuje wysyłka za granicę?",
                "var är mitt paket, det skulle kommit igår",
                "jag vill avbryta min prenumeration",
                "ni har dragit pengar två gånger",
                "hvor er min pakke? den skulle være kommet i går",
                "jeg vil gerne have mine penge tilbage",
                "jeg får ikke logget inn på kontoen min",
                "hva er åpningstidene deres i julen?",
                "siparişim nerede, dün gelmesi gerekiyordu",
                "paramı geri istiyorum",
                "hesabıma giremiyorum şifremi unuttum",
                "kargo ücreti ne kadar acaba",
                "unde este coletul meu, trebuia să ajungă ieri",
                "vreau să anulez comanda și să primesc banii înapoi",
                "nu pot intra in cont",
                "kde je můj balík, měl přijít včera",
                "chci vrátit peníze za tuhle objednávku",
                "nemůžu se přihlásit do svého účtu",
                "missä pakettini on, sen piti tulla eilen",
                "haluan perua tilauksen ja saada rahat takaisin",
                "en pääse kirjautumaan tililleni",
                "hol van a csomagom, tegnap kellett volna megjönnie",
                "szeretném lemondani az előfizetésemet",
                "nem tudok belépni a fiókomba",
                "paket saya belum sampai juga padahal sudah seminggu",
                "bagaimana cara membatalkan pesanan?",
                "uang saya kepotong dua kali",
                "gdje je moj paket, trebao je stići jučer",
                "želim povrat novca",
                "ne mogu se prijaviti na svoj račun",
                "on és el meu paquet? havia d'arribar ahir",
                "vull cancel·lar la comanda si us plau",
                "đơn hàng của tôi đâu rồi, sao chưa giao",
                "tôi muốn hoàn tiền",
                "don hang cua toi chua den",
                "kde je moja zásielka, mala prísť včera",
                "chcem vrátiť peniaze",
                "где моя посылка, она должна была прийти вчера",
                "хочу повернути гроші за замовлення",
                "πού είναι το δέμα μου",
                "أين طلبي لم يصل حتى الآن",
                "איפה החבילה שלי",
                "मेरा ऑर्डर कहाँ है",
                "我的包裹在哪里",
                "荷物がまだ届きません",
                "제 택배가 아직 안 왔어요",
                "พัสดุของฉันอยู่ที่ไหน",
                "kus on minu pakk, see pidi eile tulema",
                "nasaan na po ang order ko, kahapon pa dapat dumating",
                "agizo langu liko wapi, lilipaswa kufika jana",
        };
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
                assert_guess(cases[i], LANGUAGE_OTHER);
}

/* Over the whole text Spanish would win. */
static void the_front_of_a_long_text_decides(void **state)
{
        (void)state;
        static char text[20000];
        size_t len = 0;
        while (len < 300)
                len += (size_t)snprintf(text + len, sizeof text - len, "where is my order, please tell me now ");
        while (len < sizeof text - 50)
                len += (size_t)snprintf(text + len, sizeof text - len, "dónde está mi pedido, por favor ");
        assert_guess(text, LANGUAGE_ENGLISH);
}

/* The sanitizers see a read beyond the end. */
static void bytes_that_are_no_text_do_no_harm(void **state)
{
        (void)state;
        char text[256];
        for (unsigned seed = 0; seed < 2000; seed++) {
                uint32_t random = seed * 2654435761U;
                for (size_t i = 0; i < sizeof text; i++) {
                        random = random * 1664525U + 1013904223U;
                        text[i] = (char)(random >> 24);
                }
                char *exact = malloc(sizeof text);
                memcpy(exact, text, sizeof text);
                (void)language_guess((struct str){exact, sizeof text});
                free(exact);
        }
}

static void tags_are_those_of_bcp_47(void **state)
{
        (void)state;
        assert_str_equal(language_tag(LANGUAGE_ENGLISH), "en");
        assert_str_equal(language_tag(LANGUAGE_SPANISH), "es");
        assert_str_equal(language_tag(LANGUAGE_FRENCH), "fr");
        assert_str_equal(language_tag(LANGUAGE_GERMAN), "de");
        assert_str_equal(language_tag(LANGUAGE_PORTUGUESE), "pt");
        assert_null(language_tag(LANGUAGE_OTHER).ptr);
        assert_null(language_tag(LANGUAGE_UNCLEAR).ptr);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_known_languages_are_told_apart),
                cmocka_unit_test(messages_in_other_languages_are_not_taken_for_known_ones),
                cmocka_unit_test(the_front_of_a_long_text_decides),
                cmocka_unit_test(bytes_that_are_no_text_do_no_harm),
                cmocka_unit_test(tags_are_those_of_bcp_47),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
