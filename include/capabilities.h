/* Giving up capabilities, as all of the programs do. */
#ifndef UDPWATCH_CAPABILITIES_H
#define UDPWATCH_CAPABILITIES_H

/* Keep those alone that libcap-ng was told of (capng_clear, capng_update); none is ambient. The
 * bounding set stays: emptying it takes CAP_SETPCAP, and with no_new_privs no exec can draw on it.
 * Returns 0, or -errno. */
int capabilities_keep_chosen(void);

#endif
