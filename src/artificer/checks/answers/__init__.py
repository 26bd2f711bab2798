"""Whether an answer says what the reference says: extraction, one grader with rules by kind of answer, and quoted evidence."""

from artificer.checks.answers.extract import final_answer
from artificer.checks.answers.grading import Grade, Rule, grade, kind_of
from artificer.checks.answers.quotes import Quoted, quoted
from artificer.checks.answers.text import exact_match, normalised, token_f1

__all__ = ["Grade", "Quoted", "Rule", "exact_match", "final_answer", "grade", "kind_of", "normalised", "quoted", "token_f1"]
