CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.runs (
    id text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL,
    type text NOT NULL,
    chain text NOT NULL,
    task text NOT NULL,
    task_id text NOT NULL,
    params text NOT NULL,
    public_params text NOT NULL,
    run_time text NOT NULL,
    storage text NOT NULL,
    output text,
    status text NOT NULL,
    attempt integer NOT NULL,
    created double precision NOT NULL,
    trigger text NOT NULL,
    width integer NOT NULL,
    run_timeout double precision,
    started double precision,
    finished double precision,
    owner text,
    error text,
    traceback text,
    failed_key text,
    cancel_requested boolean NOT NULL,
    scheduler_reachable boolean NOT NULL,
    child_pid integer,
    child_started double precision,
    queued double precision NOT NULL,
    lease_until double precision,
    handed_back integer DEFAULT 0 NOT NULL
);
CREATE TABLE public.schedule_fires (
    schedule text NOT NULL,
    fire_time double precision NOT NULL
);
CREATE TABLE public.tasks (
    run_id text NOT NULL COLLATE pg_catalog."C",
    task_id text NOT NULL,
    key text,
    family text,
    status text,
    requires text,
    started double precision,
    finished double precision,
    error text,
    progress integer,
    message text,
    tracking_url text,
    log_number integer
);
CREATE TABLE public.workers (
    id text NOT NULL,
    node text NOT NULL,
    pid integer NOT NULL,
    pid_started double precision NOT NULL,
    slots integer NOT NULL,
    heartbeat double precision NOT NULL
);
INSERT INTO public.alembic_version VALUES ('0003');
INSERT INTO public.runs VALUES ('01m8gn6qt8yxy0qpe6xef2ga28', 'chains/shop/orders_chain/OrderTask/189a535238c65c4b9c1a78af337a1fdd', 'shop', 'orders_chain', 'OrderTask', 'shop.orders_chain.OrderTask_done_48f1014e93', '{"held": "False", "name": "done", "seconds": "0.0"}', '{"held": "False", "name": "done", "seconds": "0.0"}', '2026-11-28T08:44:01', 'local', 'out.txt', 'DONE', 1, 1795855441.736, 'http', 1, NULL, 1795855441.786437, 1795855441.957375, 'old-20190-8dae80', NULL, NULL, NULL, false, true, NULL, NULL, 1795855441.747745, NULL, 0);
INSERT INTO public.runs VALUES ('01m8gn6qwmd4rsn0jy8sd9zfsw', 'chains/shop/orders_chain/RefusedTask/b81251ee880f0aa244fef507a53e41f0', 'shop', 'orders_chain', 'RefusedTask', 'shop.orders_chain.RefusedTask_beans_f36951afa7', '{"name": "beans"}', '{"name": "beans"}', '2026-11-28T08:44:01', 'local', 'out.txt', 'FAILED', 1, 1795855441.812, 'http', 1, NULL, 1795855441.867273, 1795855441.974035, 'old-20190-8dae80', 'ValueError: beans is refused', 'Runtime error:
Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/luigi/worker.py", line 215, in run
    new_deps = self._run_get_new_deps()
               ^^^^^^^^^^^^^^^^^^^^^^^^
  File "/venv/lib/python3.11/site-packages/luigi/worker.py", line 145, in _run_get_new_deps
    task_gen = self.task.run()
               ^^^^^^^^^^^^^^^
  File "/project/code/chains/shop/orders_chain.py", line 64, in run
    raise ValueError(f"{self.name} is refused")
ValueError: beans is refused
', 'chains/shop/orders_chain/RefusedTask/b81251ee880f0aa244fef507a53e41f0', false, true, NULL, NULL, 1795855441.816353, NULL, 0);
INSERT INTO public.runs VALUES ('01m8gn6qyg8ytndn01j4pmmwss', 'chains/shop/orders_chain/ReportTask/e7d268e6ea307ed7dc099dc9df0dfe52', 'shop', 'orders_chain', 'ReportTask', 'shop.orders_chain.ReportTask_report_32935ec9a2', '{"name": "report"}', '{"name": "report"}', '2026-11-28T08:44:01', 'local', 'out.txt', 'DONE', 1, 1795855441.872, 'http', 1, NULL, 1795855441.982971, 1795855442.085318, 'old-20190-8dae80', NULL, NULL, NULL, false, true, NULL, NULL, 1795855441.873727, NULL, 0);
INSERT INTO public.runs VALUES ('01m8gn6rmj7w9qxp12vqqrh9r2', 'chains/shop/orders_chain/OrderTask/932b080044b21274fa1c38f7331be230', 'shop', 'orders_chain', 'OrderTask', 'shop.orders_chain.OrderTask_held_2_829e4d59dd', '{"held": "True", "name": "held 2", "seconds": "0.0"}', '{"held": "True", "name": "held 2", "seconds": "0.0"}', '2026-11-28T08:44:02', 'local', 'out.txt', 'PENDING', 0, 1795855442.578, 'http', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, true, NULL, NULL, 1795855442.590974, NULL, 0);
INSERT INTO public.runs VALUES ('01m8gn6r6e3k8r1kber27008b0', 'chains/shop/orders_chain/OrderTask/6989d8c36de6b975b5740aa4cf0849db', 'shop', 'orders_chain', 'OrderTask', 'shop.orders_chain.OrderTask_cancelled_d94e28f462', '{"held": "True", "name": "cancelled", "seconds": "0.0"}', '{"held": "True", "name": "cancelled", "seconds": "0.0"}', '2026-11-28T08:44:02', 'local', 'out.txt', 'CANCELLED', 1, 1795855442.126, 'http', 1, NULL, 1795855442.145851, 1795855442.47673, 'old-20190-8dae80', 'cancelled', NULL, 'chains/shop/orders_chain/OrderTask/6989d8c36de6b975b5740aa4cf0849db', true, true, NULL, NULL, 1795855442.136655, NULL, 0);
INSERT INTO public.runs VALUES ('01m8gn6rnvmm6t380wqv9zbnbd', 'chains/shop/orders_chain/OrderTask/13c51a203ca825f5b17ef276e86e45e0', 'shop', 'orders_chain', 'OrderTask', 'shop.orders_chain.OrderTask_held_3_4ffc6b2579', '{"held": "True", "name": "held 3", "seconds": "0.0"}', '{"held": "True", "name": "held 3", "seconds": "0.0"}', '2026-11-28T08:44:02', 'local', 'out.txt', 'PENDING', 0, 1795855442.619, 'http', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, false, true, NULL, NULL, 1795855442.621532, NULL, 0);
INSERT INTO public.runs VALUES ('01m8gn6rjnppb107k7vmc5ef6h', 'chains/shop/orders_chain/OrderTask/b1809f0ae55c20104bed646ec895df50', 'shop', 'orders_chain', 'OrderTask', 'shop.orders_chain.OrderTask_held_0_17f9ab8bcd', '{"held": "True", "name": "held 0", "seconds": "0.0"}', '{"held": "True", "name": "held 0", "seconds": "0.0"}', '2026-11-28T08:44:02', 'local', 'out.txt', 'RUNNING', 1, 1795855442.517, 'http', 1, NULL, 1795855442.528927, NULL, 'old-20190-8dae80', NULL, NULL, NULL, false, true, 20514, 1795855442.0146914, 1795855442.518677, 1795855454.384864, 0);
INSERT INTO public.runs VALUES ('01m8gn6rkkpx4p3xtmkhhx4rnv', 'chains/shop/orders_chain/OrderTask/c1d80529816f24a7a13dc1d4720c4205', 'shop', 'orders_chain', 'OrderTask', 'shop.orders_chain.OrderTask_held_1_9e668eba28', '{"held": "True", "name": "held 1", "seconds": "0.0"}', '{"held": "True", "name": "held 1", "seconds": "0.0"}', '2026-11-28T08:44:02', 'local', 'out.txt', 'RUNNING', 1, 1795855442.547, 'http', 1, NULL, 1795855442.575834, NULL, 'old-20190-8dae80', NULL, NULL, NULL, false, true, 20518, 1795855442.1843767, 1795855442.548047, 1795855454.384926, 0);
INSERT INTO public.tasks VALUES ('01m8gn6qt8yxy0qpe6xef2ga28', 'shop.orders_chain.OrderTask_done_48f1014e93', 'chains/shop/orders_chain/OrderTask/189a535238c65c4b9c1a78af337a1fdd', 'shop.orders_chain.OrderTask', 'DONE', NULL, 1795855441.8789334, 1795855441.933691, NULL, NULL, NULL, NULL, 1);
INSERT INTO public.tasks VALUES ('01m8gn6qwmd4rsn0jy8sd9zfsw', 'shop.orders_chain.RefusedTask_beans_f36951afa7', 'chains/shop/orders_chain/RefusedTask/b81251ee880f0aa244fef507a53e41f0', 'shop.orders_chain.RefusedTask', 'FAILED', NULL, 1795855441.9240537, 1795855441.9487307, 'Runtime error:
Traceback (most recent call last):
  File "/venv/lib/python3.11/site-packages/luigi/worker.py", line 215, in run
    new_deps = self._run_get_new_deps()
               ^^^^^^^^^^^^^^^^^^^^^^^^
  File "/venv/lib/python3.11/site-packages/luigi/worker.py", line 145, in _run_get_new_deps
    task_gen = self.task.run()
               ^^^^^^^^^^^^^^^
  File "/project/code/chains/shop/orders_chain.py", line 64, in run
    raise ValueError(f"{self.name} is refused")
ValueError: beans is refused
', NULL, NULL, NULL, 1);
INSERT INTO public.tasks VALUES ('01m8gn6qyg8ytndn01j4pmmwss', 'shop.orders_chain.ReportTask_report_32935ec9a2', 'chains/shop/orders_chain/ReportTask/e7d268e6ea307ed7dc099dc9df0dfe52', 'shop.orders_chain.ReportTask', 'DONE', '["shop.orders_chain.OrderTask_report_of_the_re_3b2dfc5589"]', 1795855442.0580077, 1795855442.0767083, NULL, NULL, NULL, NULL, 1);
INSERT INTO public.tasks VALUES ('01m8gn6qyg8ytndn01j4pmmwss', 'shop.orders_chain.OrderTask_report_of_the_re_3b2dfc5589', 'chains/shop/orders_chain/OrderTask/ea00e5d01a130767211ef2b0c2bdd7f7', 'shop.orders_chain.OrderTask', 'DONE', NULL, 1795855442.0209064, 1795855442.0501356, NULL, NULL, NULL, NULL, 1);
INSERT INTO public.tasks VALUES ('01m8gn6r6e3k8r1kber27008b0', 'shop.orders_chain.OrderTask_cancelled_d94e28f462', 'chains/shop/orders_chain/OrderTask/6989d8c36de6b975b5740aa4cf0849db', 'shop.orders_chain.OrderTask', 'CANCELLED', NULL, 1795855442.182222, 1795855442.47837, NULL, NULL, NULL, NULL, 1);
INSERT INTO public.tasks VALUES ('01m8gn6rjnppb107k7vmc5ef6h', 'shop.orders_chain.OrderTask_held_0_17f9ab8bcd', 'chains/shop/orders_chain/OrderTask/b1809f0ae55c20104bed646ec895df50', 'shop.orders_chain.OrderTask', 'RUNNING', NULL, 1795855442.577194, NULL, NULL, NULL, NULL, NULL, 1);
INSERT INTO public.tasks VALUES ('01m8gn6rkkpx4p3xtmkhhx4rnv', 'shop.orders_chain.OrderTask_held_1_9e668eba28', 'chains/shop/orders_chain/OrderTask/c1d80529816f24a7a13dc1d4720c4205', 'shop.orders_chain.OrderTask', 'RUNNING', NULL, 1795855442.6177416, NULL, NULL, NULL, NULL, NULL, 1);
INSERT INTO public.workers VALUES ('old-20190-8dae80', 'old/a999ebe7/4026531836', 20190, 1795855432.73, 2, 1795855443.436762);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.schedule_fires
    ADD CONSTRAINT schedule_fires_pkey PRIMARY KEY (schedule, fire_time);
ALTER TABLE ONLY public.tasks
    ADD CONSTRAINT tasks_pkey PRIMARY KEY (run_id, task_id);
ALTER TABLE ONLY public.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (id);
CREATE INDEX ix_runs_chain ON public.runs USING btree (chain, id);
CREATE INDEX ix_runs_done ON public.runs USING btree (key, status, id) WHERE (status = 'DONE'::text);
CREATE INDEX ix_runs_key ON public.runs USING btree (key, id);
CREATE INDEX ix_runs_pending ON public.runs USING btree (queued) WHERE (status = 'PENDING'::text);
CREATE INDEX ix_runs_running ON public.runs USING btree (owner) WHERE (status = 'RUNNING'::text);
CREATE INDEX ix_runs_status ON public.runs USING btree (status, id);
CREATE INDEX ix_runs_task ON public.runs USING btree (task, id);
CREATE INDEX ix_runs_type ON public.runs USING btree (type, id);
CREATE INDEX ix_tasks_key ON public.tasks USING btree (key, run_id);
CREATE UNIQUE INDEX uq_runs_active_key ON public.runs USING btree (key) WHERE (status = ANY (ARRAY['PENDING'::text, 'RUNNING'::text]));
