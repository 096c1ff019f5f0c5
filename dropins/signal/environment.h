/* SPDX-License-Identifier: MIT
 *
 * environment: what earlier signalling servers took from the environment, in all the spellings that
 * their READMEs, plans and programs had, as this one understands it.
 */
#ifndef SIGNAL_ENVIRONMENT_H
#define SIGNAL_ENVIRONMENT_H

/* TURN_USER is TURN_USERNAME, TURN_PASS and TURN_PASSWORD are TURN_CREDENTIAL; what the README says
 * comes first. The settings know these names by themselves. */
void environment_read_turn(void);

#endif
