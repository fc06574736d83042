/* SPDX-License-Identifier: Apache-2.0 */
#include "text/measure_fit.h"

#include <math.h>

enum { MAX_STEPS = 100, MAX_HALVINGS = 40, GOLDEN_STEPS = 60 };

/* Keeps a logarithm finite; far below any probability that matters. */
static const double floor_probability = 1e-9;

struct platt {
        const struct scored *rows;
        size_t count;
        double right; /* targets of hits and misses */
        double wrong;
};

/* The loss at a point, its gradient and its second derivatives. */
struct slopes {
        double loss;
        double g[2];
        double h[3]; /* slope-slope, slope-offset, offset-offset */
};

static double logit(double p)
{
        double bounded = fmin(fmax(p, floor_probability), 1 - floor_probability);
        return log(bounded / (1 - bounded));
}

static struct slopes slopes_at(const struct platt *platt, double slope, double offset)
{
        struct slopes s = {.h = {1e-12, 0, 1e-12}};
        for (size_t i = 0; i < platt->count; i++) {
                double x = logit(platt->rows[i].score);
                double z = slope * x + offset;
                double target = platt->rows[i].is_hit ? platt->right : platt->wrong;
                double p = 1 / (1 + exp(-z));
                /* log(1 + exp(z)) - target * z, without an overflow. */
                s.loss += fmax(z, 0) + log1p(exp(-fabs(z))) - target * z;
                s.g[0] += (p - target) * x;
                s.g[1] += p - target;
                s.h[0] += p * (1 - p) * x * x;
                s.h[1] += p * (1 - p) * x;
                s.h[2] += p * (1 - p);
        }
        return s;
}

bool fit_platt(const struct scored *rows, size_t count, double *ret_slope, double *ret_offset)
{
        size_t hits = 0;
        for (size_t i = 0; i < count; i++)
                hits += rows[i].is_hit;
        if (hits == 0 || hits == count)
                return false;
        double misses = (double)(count - hits);
        const struct platt platt = {rows, count, ((double)hits + 1) / ((double)hits + 2), 1 / (misses + 2)};
        double slope = 1, offset = 0;
        struct slopes at = slopes_at(&platt, slope, offset);
        for (int step = 0; step < MAX_STEPS && fabs(at.g[0]) + fabs(at.g[1]) > 1e-6 * (double)count; step++) {
                double det = at.h[0] * at.h[2] - at.h[1] * at.h[1];
                double to_slope = -(at.h[2] * at.g[0] - at.h[1] * at.g[1]) / det;
                double to_offset = -(at.h[0] * at.g[1] - at.h[1] * at.g[0]) / det;
                double length = 1;
                struct slopes next = slopes_at(&platt, slope + to_slope, offset + to_offset);
                for (int i = 0; i < MAX_HALVINGS && !(next.loss <= at.loss); i++) {
                        length /= 2;
                        next = slopes_at(&platt, slope + length * to_slope, offset + length * to_offset);
                }
                if (!(next.loss < at.loss))
                        break;
                slope += length * to_slope;
                offset += length * to_offset;
                at = next;
        }
        *ret_slope = slope;
        *ret_offset = offset;
        return true;
}

/* Mean negative log-likelihood of the right ones at 1 / temperature. */
static double loss_at(const struct spread *rows, size_t count, double temperature)
{
        double loss = 0;
        for (size_t i = 0; i < count; i++) {
                double sum = 0;
                for (size_t k = 0; k < MEASURE_TRUTHS; k++)
                        sum += pow(fmax(rows[i].probabilities[k], floor_probability), 1 / temperature);
                loss += log(sum) - log(fmax(rows[i].probabilities[rows[i].truth], floor_probability)) / temperature;
        }
        return loss;
}

/* Golden-section search over the logarithm: the loss has one minimum. */
double fit_temperature(const struct spread *rows, size_t count)
{
        static const double golden = 0.6180339887498949;
        double low = log(0.1), high = log(10);
        double left = high - golden * (high - low), right = low + golden * (high - low);
        double at_left = loss_at(rows, count, exp(left)), at_right = loss_at(rows, count, exp(right));
        for (int i = 0; i < GOLDEN_STEPS && high - low > 1e-5; i++) {
                if (at_left <= at_right) {
                        high = right;
                        right = left;
                        at_right = at_left;
                        left = high - golden * (high - low);
                        at_left = loss_at(rows, count, exp(left));
                } else {
                        low = left;
                        left = right;
                        at_left = at_right;
                        right = low + golden * (high - low);
                        at_right = loss_at(rows, count, exp(right));
                }
        }
        return exp((low + high) / 2);
}
