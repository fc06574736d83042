/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that nobody may use here; the build forces this header in before every C file of ours.
 * The headers that declare or use them come first, then the names are poisoned. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Fortified headers make macros of some, which clang will not poison. */
#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol atof
#pragma GCC poison gmtime localtime ctime asctime

#endif
