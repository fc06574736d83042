/* SPDX-License-Identifier: Apache-2.0 */
#include "base/timer_wheel.h"

void timer_wheel_init(struct timer_wheel *wheel, int64_t now_ms)
{
        for (size_t i = 0; i < TIMER_WHEEL_SLOTS; i++)
                list_init(&wheel->slots[i]);
        wheel->tick = now_ms / TIMER_WHEEL_TICK_MS;
        wheel->armed = 0;
}

bool timer_is_armed(const struct timer *timer)
{
        return timer->link.next != NULL;
}

void timer_stop(struct timer_wheel *wheel, struct timer *timer)
{
        if (!timer_is_armed(timer))
                return;
        list_remove(&timer->link);
        timer->link = (struct list){0};
        wheel->armed--;
}

void timer_start(struct timer_wheel *wheel, struct timer *timer, int64_t due_ms)
{
        timer_stop(wheel, timer);
        /* Rounded up, so that nothing fires early; never into a slot that was swept already. */
        int64_t tick = (due_ms + TIMER_WHEEL_TICK_MS - 1) / TIMER_WHEEL_TICK_MS;
        if (tick <= wheel->tick)
                tick = wheel->tick + 1;
        timer->due_ms = due_ms;
        list_push_back(&wheel->slots[(uint64_t)tick % TIMER_WHEEL_SLOTS], &timer->link);
        wheel->armed++;
}

static void sweep(struct timer_wheel *wheel, struct list *slot, int64_t now_ms)
{
        struct list waiting;
        list_init(&waiting);
        list_take_all(&waiting, slot);
        struct list *link;
        while ((link = list_pop_front(&waiting)) != NULL) {
                struct timer *timer = list_item(link, struct timer, link);
                if (timer->due_ms > now_ms) { /* of a later turn of the wheel */
                        list_push_back(slot, link);
                        continue;
                }
                timer->link = (struct list){0};
                wheel->armed--;
                timer->fire(timer);
        }
}

void timer_wheel_advance(struct timer_wheel *wheel, int64_t now_ms)
{
        int64_t target = now_ms / TIMER_WHEEL_TICK_MS;
        /* After a long sleep one whole turn sweeps every slot. */
        if (target - wheel->tick > TIMER_WHEEL_SLOTS)
                wheel->tick = target - TIMER_WHEEL_SLOTS;
        while (wheel->tick < target) {
                wheel->tick++;
                sweep(wheel, &wheel->slots[(uint64_t)wheel->tick % TIMER_WHEEL_SLOTS], now_ms);
        }
}
