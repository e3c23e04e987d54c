/* Events that somebody else causes: which cause each one has, how long it took, and whether all came once and in order. */
#ifndef FOLLOW_H
#define FOLLOW_H

#include "connection.h"

void follow_begin(void); /* opens --moments and asks for payloads */
void follow_frame(Connection *connection);
void follow_report(int steady, int ready, int lost, double own_share);

#endif
