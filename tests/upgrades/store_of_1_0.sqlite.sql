PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO alembic_version VALUES('0003');
CREATE TABLE runs (
	id TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	type TEXT NOT NULL, 
	chain TEXT NOT NULL, 
	task TEXT NOT NULL, 
	task_id TEXT NOT NULL, 
	params TEXT NOT NULL, 
	public_params TEXT NOT NULL, 
	run_time TEXT NOT NULL, 
	storage TEXT NOT NULL, 
	output TEXT, 
	status TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	created DOUBLE NOT NULL, 
	"trigger" TEXT NOT NULL, 
	width INTEGER NOT NULL, 
	run_timeout DOUBLE, 
	started DOUBLE, 
	finished DOUBLE, 
	owner TEXT, 
	error TEXT, 
	traceback TEXT, 
	failed_key TEXT, 
	cancel_requested BOOLEAN NOT NULL, 
	scheduler_reachable BOOLEAN NOT NULL, 
	child_pid INTEGER, 
	child_started DOUBLE, 
	queued DOUBLE NOT NULL, 
	lease_until DOUBLE, handed_back INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO runs VALUES('01m8gn6anmsj98ezn0x2q29rwe','chains/shop/orders_chain/OrderTask/189a535238c65c4b9c1a78af337a1fdd','shop','orders_chain','OrderTask','shop.orders_chain.OrderTask_done_48f1014e93','{"held": "False", "name": "done", "seconds": "0.0"}','{"held": "False", "name": "done", "seconds": "0.0"}','2026-11-28T08:43:48','local','out.txt','DONE',1,1795855428.2760000229,'http',1,NULL,1795855428.3029973506,1795855428.4319849014,'old-19966-a860ce',NULL,NULL,NULL,0,1,NULL,NULL,1795855428.2860188484,NULL,0);
INSERT INTO runs VALUES('01m8gn6apzxj4tcfjzvesq2shs','chains/shop/orders_chain/RefusedTask/b81251ee880f0aa244fef507a53e41f0','shop','orders_chain','RefusedTask','shop.orders_chain.RefusedTask_beans_f36951afa7','{"name": "beans"}','{"name": "beans"}','2026-11-28T08:43:48','local','out.txt','FAILED',1,1795855428.3190000057,'http',1,NULL,1795855428.3380002975,1795855428.4249842167,'old-19966-a860ce','ValueError: beans is refused',replace('Runtime error:\nTraceback (most recent call last):\n  File "/venv/lib/python3.11/site-packages/luigi/worker.py", line 215, in run\n    new_deps = self._run_get_new_deps()\n               ^^^^^^^^^^^^^^^^^^^^^^^^\n  File "/venv/lib/python3.11/site-packages/luigi/worker.py", line 145, in _run_get_new_deps\n    task_gen = self.task.run()\n               ^^^^^^^^^^^^^^^\n  File "/project/code/chains/shop/orders_chain.py", line 64, in run\n    raise ValueError(f"{self.name} is refused")\nValueError: beans is refused\n','\n',char(10)),'chains/shop/orders_chain/RefusedTask/b81251ee880f0aa244fef507a53e41f0',0,1,NULL,NULL,1795855428.3190102576,NULL,0);
INSERT INTO runs VALUES('01m8gn6ar8b7jgmk1e5ad8xb9b','chains/shop/orders_chain/ReportTask/e7d268e6ea307ed7dc099dc9df0dfe52','shop','orders_chain','ReportTask','shop.orders_chain.ReportTask_report_32935ec9a2','{"name": "report"}','{"name": "report"}','2026-11-28T08:43:48','local','out.txt','DONE',1,1795855428.359999895,'http',1,NULL,1795855428.4350023269,1795855428.5460054874,'old-19966-a860ce',NULL,NULL,NULL,0,1,NULL,NULL,1795855428.3610134124,NULL,0);
INSERT INTO runs VALUES('01m8gn6ayt31kdwyqr05v14drg','chains/shop/orders_chain/OrderTask/6989d8c36de6b975b5740aa4cf0849db','shop','orders_chain','OrderTask','shop.orders_chain.OrderTask_cancelled_d94e28f462','{"held": "True", "name": "cancelled", "seconds": "0.0"}','{"held": "True", "name": "cancelled", "seconds": "0.0"}','2026-11-28T08:43:48','local','out.txt','CANCELLED',1,1795855428.5699999332,'http',1,NULL,1795855428.5820140838,1795855429.3989882469,'old-19966-a860ce','cancelled',NULL,'chains/shop/orders_chain/OrderTask/6989d8c36de6b975b5740aa4cf0849db',1,1,NULL,NULL,1795855428.5709903239,NULL,0);
INSERT INTO runs VALUES('01m8gn6bvkwtg9ejr4whdyvdkn','chains/shop/orders_chain/OrderTask/b1809f0ae55c20104bed646ec895df50','shop','orders_chain','OrderTask','shop.orders_chain.OrderTask_held_0_17f9ab8bcd','{"held": "True", "name": "held 0", "seconds": "0.0"}','{"held": "True", "name": "held 0", "seconds": "0.0"}','2026-11-28T08:43:49','local','out.txt','RUNNING',1,1795855429.490999937,'http',1,NULL,1795855429.5039966106,NULL,'old-19966-a860ce',NULL,NULL,NULL,0,1,20026,1795855428.4765336513,1795855429.4910013675,1795855441.1370193958,0);
INSERT INTO runs VALUES('01m8gn6bw87kgp2jxwrnva8a12','chains/shop/orders_chain/OrderTask/c1d80529816f24a7a13dc1d4720c4205','shop','orders_chain','OrderTask','shop.orders_chain.OrderTask_held_1_9e668eba28','{"held": "True", "name": "held 1", "seconds": "0.0"}','{"held": "True", "name": "held 1", "seconds": "0.0"}','2026-11-28T08:43:49','local','out.txt','RUNNING',1,1795855429.5120000838,'http',1,NULL,1795855429.5280158519,NULL,'old-19966-a860ce',NULL,NULL,NULL,0,1,20030,1795855428.6194233894,1795855429.5120029449,1795855441.1370193958,0);
INSERT INTO runs VALUES('01m8gn6bxny9bpzrbqjg19weh6','chains/shop/orders_chain/OrderTask/932b080044b21274fa1c38f7331be230','shop','orders_chain','OrderTask','shop.orders_chain.OrderTask_held_2_829e4d59dd','{"held": "True", "name": "held 2", "seconds": "0.0"}','{"held": "True", "name": "held 2", "seconds": "0.0"}','2026-11-28T08:43:49','local','out.txt','PENDING',0,1795855429.5569999218,'http',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,NULL,NULL,1795855429.5569837093,NULL,0);
INSERT INTO runs VALUES('01m8gn6bygxp6e7z09fn50nb83','chains/shop/orders_chain/OrderTask/13c51a203ca825f5b17ef276e86e45e0','shop','orders_chain','OrderTask','shop.orders_chain.OrderTask_held_3_4ffc6b2579','{"held": "True", "name": "held 3", "seconds": "0.0"}','{"held": "True", "name": "held 3", "seconds": "0.0"}','2026-11-28T08:43:49','local','out.txt','PENDING',0,1795855429.5840001105,'http',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,NULL,NULL,1795855429.5839800834,NULL,0);
CREATE TABLE tasks (
	run_id TEXT NOT NULL, 
	task_id TEXT NOT NULL, 
	"key" TEXT, 
	family TEXT, 
	status TEXT, 
	requires TEXT, 
	started DOUBLE, 
	finished DOUBLE, 
	error TEXT, 
	progress INTEGER, 
	message TEXT, 
	tracking_url TEXT, log_number INTEGER, 
	PRIMARY KEY (run_id, task_id)
);
INSERT INTO tasks VALUES('01m8gn6apzxj4tcfjzvesq2shs','shop.orders_chain.RefusedTask_beans_f36951afa7','chains/shop/orders_chain/RefusedTask/b81251ee880f0aa244fef507a53e41f0','shop.orders_chain.RefusedTask','FAILED',NULL,1795855428.398977518,1795855428.4087839126,replace('Runtime error:\nTraceback (most recent call last):\n  File "/venv/lib/python3.11/site-packages/luigi/worker.py", line 215, in run\n    new_deps = self._run_get_new_deps()\n               ^^^^^^^^^^^^^^^^^^^^^^^^\n  File "/venv/lib/python3.11/site-packages/luigi/worker.py", line 145, in _run_get_new_deps\n    task_gen = self.task.run()\n               ^^^^^^^^^^^^^^^\n  File "/project/code/chains/shop/orders_chain.py", line 64, in run\n    raise ValueError(f"{self.name} is refused")\nValueError: beans is refused\n','\n',char(10)),NULL,NULL,NULL,1);
INSERT INTO tasks VALUES('01m8gn6anmsj98ezn0x2q29rwe','shop.orders_chain.OrderTask_done_48f1014e93','chains/shop/orders_chain/OrderTask/189a535238c65c4b9c1a78af337a1fdd','shop.orders_chain.OrderTask','DONE',NULL,1795855428.3804914951,1795855428.4165656566,NULL,NULL,NULL,NULL,1);
INSERT INTO tasks VALUES('01m8gn6ar8b7jgmk1e5ad8xb9b','shop.orders_chain.OrderTask_report_of_the_re_3b2dfc5589','chains/shop/orders_chain/OrderTask/ea00e5d01a130767211ef2b0c2bdd7f7','shop.orders_chain.OrderTask','DONE',NULL,1795855428.4596283435,1795855428.5088467598,NULL,NULL,NULL,NULL,1);
INSERT INTO tasks VALUES('01m8gn6ar8b7jgmk1e5ad8xb9b','shop.orders_chain.ReportTask_report_32935ec9a2','chains/shop/orders_chain/ReportTask/e7d268e6ea307ed7dc099dc9df0dfe52','shop.orders_chain.ReportTask','DONE','["shop.orders_chain.OrderTask_report_of_the_re_3b2dfc5589"]',1795855428.5145211219,1795855428.5331218242,NULL,NULL,NULL,NULL,1);
INSERT INTO tasks VALUES('01m8gn6ayt31kdwyqr05v14drg','shop.orders_chain.OrderTask_cancelled_d94e28f462','chains/shop/orders_chain/OrderTask/6989d8c36de6b975b5740aa4cf0849db','shop.orders_chain.OrderTask','CANCELLED',NULL,1795855428.6165132522,1795855429.3989882469,NULL,NULL,NULL,NULL,1);
INSERT INTO tasks VALUES('01m8gn6bvkwtg9ejr4whdyvdkn','shop.orders_chain.OrderTask_held_0_17f9ab8bcd','chains/shop/orders_chain/OrderTask/b1809f0ae55c20104bed646ec895df50','shop.orders_chain.OrderTask','RUNNING',NULL,1795855429.5366766452,NULL,NULL,NULL,NULL,NULL,1);
INSERT INTO tasks VALUES('01m8gn6bw87kgp2jxwrnva8a12','shop.orders_chain.OrderTask_held_1_9e668eba28','chains/shop/orders_chain/OrderTask/c1d80529816f24a7a13dc1d4720c4205','shop.orders_chain.OrderTask','RUNNING',NULL,1795855429.5696539878,NULL,NULL,NULL,NULL,NULL,1);
CREATE TABLE workers (
	id TEXT NOT NULL, 
	node TEXT NOT NULL, 
	pid INTEGER NOT NULL, 
	pid_started DOUBLE NOT NULL, 
	slots INTEGER NOT NULL, 
	heartbeat DOUBLE NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO workers VALUES('old-19966-a860ce','old/a999ebe7/4026531836',19966,1795855422.9700000285,2,1795855430.1280126572);
CREATE TABLE schedule_fires (
	schedule TEXT NOT NULL, 
	fire_time DOUBLE NOT NULL, 
	PRIMARY KEY (schedule, fire_time)
);
CREATE UNIQUE INDEX uq_runs_active_key ON runs ("key") WHERE status IN ('PENDING', 'RUNNING');
CREATE INDEX ix_runs_pending ON runs (queued) WHERE status = 'PENDING';
CREATE INDEX ix_runs_running ON runs (owner) WHERE status = 'RUNNING';
CREATE INDEX ix_runs_done ON runs ("key", status, id) WHERE status = 'DONE';
CREATE INDEX ix_runs_key ON runs ("key", id);
CREATE INDEX ix_runs_type ON runs (type, id);
CREATE INDEX ix_runs_chain ON runs (chain, id);
CREATE INDEX ix_runs_task ON runs (task, id);
CREATE INDEX ix_runs_status ON runs (status, id);
CREATE INDEX ix_tasks_key ON tasks ("key", run_id);
COMMIT;
