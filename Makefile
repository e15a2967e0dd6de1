# Two commands: make run, make test. "make help" lists the rest.
PYTHON ?= python3
PORT ?= 8000
VENV_PYTHON = .venv/bin/python
export PORT

.PHONY: help run test lint bench yardsticks reset messages lock front-end
help: ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: ## install, start and load everything; prints the address and who can sign in
	@$(PYTHON) tools/bootstrap.py
	@exec $(VENV_PYTHON) tools/run.py

test: ## run all tests, browser tests included
	@$(PYTHON) tools/bootstrap.py --dev
	@$(VENV_PYTHON) tools/browser.py
	@$(VENV_PYTHON) -m pytest $(ARGS)

lint: ## format and type checks, layers, templates
	@$(PYTHON) tools/bootstrap.py --dev
	@$(VENV_PYTHON) tools/checks.py

bench: ## measure; prints ratios against a named baseline
	@$(PYTHON) tools/bootstrap.py --dev
	@$(VENV_PYTHON) -m bench.register

yardsticks: ## measure public data in DATA (default ../shared/data), directly and through the product
	@$(PYTHON) tools/bootstrap.py
	@OMP_NUM_THREADS=1 $(VENV_PYTHON) tools/with_services.py $(VENV_PYTHON) -m risk.yardsticks --data $(or $(DATA),../shared/data)

messages: ## bring the translation catalogues up to date (needs gettext)
	@$(PYTHON) tools/bootstrap.py --dev
	@$(VENV_PYTHON) tools/with_services.py $(VENV_PYTHON) tools/messages.py extract

lock: ## choose and pin package versions anew
	@$(VENV_PYTHON) tools/lock.py

reset: ## delete all local data (asks first; FORCE=1 does not)
	@if [ "$(FORCE)" != "1" ]; then printf 'Delete var/ with all local data? [y/N] '; read answer; [ "$$answer" = "y" ]; fi
	@rm -rf var/postgres var/redis var/files var/mail var/static var/log var/beat-schedule* var/secret-key
	@echo "tarkka: local data deleted"
