#include "server/page.h"

/* The assembler of gcc and clang takes the files in as they are; paths are the Makefile's. */
#define EMBED(name, file)                                                                          \
    __asm__(".pushsection .rodata\n"                                                               \
            ".global " #name "\n"                                                                  \
            ".type " #name ", %object\n" #name ":\n"                                               \
            ".incbin \"" file "\"\n"                                                               \
            ".byte 0\n"                                                                            \
            ".size " #name ", . - " #name "\n"                                                     \
            ".popsection\n")

EMBED(page_style, "src/server/page.css");
EMBED(page_script, "src/server/page.js");

const char *page_headers(void)
{
    return "Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; "
           "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
           "frame-ancestors 'none'\r\n"
           "Referrer-Policy: no-referrer\r\n"
           "Vary: Accept-Encoding\r\n";
}
