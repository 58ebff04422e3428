"""How good the cells are that searches find, judged by trainings that they did not see."""
