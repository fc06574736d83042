/* SPDX-License-Identifier: Apache-2.0 */
/* Calibration fitted on rows whose right label is known: two ways to make a confidence honest. Pure. */
#ifndef TEXT_MEASURE_FIT_H
#define TEXT_MEASURE_FIT_H

#include "text/measure.h"

/* Platt scaling of probabilities (Platt 1999, fitted as in Lin, Lin and Weng 2007: Newton with backtracking,
 * targets drawn in by the count of rows): p' = 1 / (1 + exp(-(slope * logit(p) + offset))).
 * Both rows that were right and rows that were wrong are needed; false otherwise. */
bool fit_platt(const struct scored *rows, size_t count, double *ret_slope, double *ret_offset);

/* A distribution over the three categories and out of scope, and the one that was right. */
struct spread {
        double probabilities[MEASURE_TRUTHS];
        size_t truth;
};

/* The temperature between 0.1 and 10 that makes the right ones most likely (Guo et al. 2017), on top of whatever
 * the probabilities have behind them: 1 changes nothing, more than 1 takes overconfidence back. `count` >= 1. */
double fit_temperature(const struct spread *rows, size_t count);

#endif
