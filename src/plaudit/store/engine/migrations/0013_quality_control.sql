-- Quality control while people work: counted cases, rules that people cross, pauses with appeals.

-- Cases of a person by collector, each right or not. Rules look at those after the first
-- `cases_before`, of which `right_before` were right.
CREATE TABLE quality_counter (
    project_key BIGINT NOT NULL,
    user_id ${id} NOT NULL,
    collector ${id} NOT NULL,
    cases BIGINT NOT NULL,
    right_cases BIGINT NOT NULL,
    cases_before BIGINT NOT NULL,
    right_before BIGINT NOT NULL,
    wrong_in_a_row BIGINT NOT NULL,
    PRIMARY KEY (project_key, user_id, collector)
)${clustered};
