"""Sigma's rules for Linux find in the real Elasticsearch what they are to find, and nothing that misses them."""

import uuid
from collections import Counter
from collections.abc import Sequence

from agents import Agent
from app.enrich.registry import load_agents
from app.local.elasticsearch import Elasticsearch
from app.settings import Settings
from tests.rules.reasons import REASONS
from tests.rules.sigma import Rule, rules, with_rules
from tests.rules.stored import stored
from tests.rules.trial import Verdict, trial

FLOOR, AUDITD_FLOOR = 131, 48  # of 135 and 53 rules; never to be lowered

# A rule that asks who started a process, or that is quiet for some parents, is blind or loud without them.
BLIND = {
    "proc_creation_lnx_git_shell_execution",
    "proc_creation_lnx_rsync_shell_spawn",
    "proc_creation_lnx_susp_interactive_bash",
    "proc_creation_lnx_susp_java_children",
    "proc_creation_lnx_susp_script_interpretor_spawn_credential_scanner",
    "proc_creation_lnx_susp_shell_child_process_from_parent_tmp_folder",
    "proc_creation_lnx_webshell_detection",
}
LOUD = {
    "proc_creation_lnx_chmod_targeting_sensitive_directories",
    "proc_creation_lnx_services_stop_and_disable",
    "proc_creation_lnx_system_network_connections_discovery",
}


async def verdicts_of(elasticsearch: Elasticsearch, agents: list[Agent], asked: Sequence[Rule]) -> list[Verdict]:
    settings = Settings(elasticsearch=elasticsearch.url, data_stream=f"logs-t{uuid.uuid4().hex}.log-default")
    tried = trial(agents, asked)
    async with stored(settings, tried.blocks) as store:
        return tried.verdicts(await store.found({rule.name: rule.query() for rule in asked}))


@with_rules
async def test_rules_fire_for_what_meets_them_and_for_nothing_that_misses_them(elasticsearch: Elasticsearch) -> None:
    verdicts = await verdicts_of(elasticsearch, load_agents(None), rules())
    flawed = {each.rule.name: each for each in verdicts if not each.fires or each.false}

    assert flawed.keys() == REASONS.keys() & {each.rule.name for each in verdicts}
    fire = Counter(each.rule.group == "auditd" for each in verdicts if each.fires)
    assert fire[False] >= FLOOR
    assert fire[True] >= AUDITD_FLOOR


@with_rules
async def test_without_the_ancestry_agent_rules_about_parents_are_blind_or_loud(elasticsearch: Elasticsearch) -> None:
    asked = [rule for rule in rules() if "Parent" in rule.text and rule.name not in REASONS]
    with_it = await verdicts_of(elasticsearch, load_agents(None), asked)
    without = [agent for agent in load_agents(None) if agent.name != "ancestry"]
    verdicts = await verdicts_of(elasticsearch, without, asked)

    assert all(each.fires and not each.false for each in with_it)
    assert {each.rule.name for each in verdicts if not each.fires} == BLIND
    assert {each.rule.name for each in verdicts if each.false} == LOUD
