"""What the tests in `test_training.py` must find wrong."""

MUTANTS = {
    "training:Trainer.load": [
        ("resume forgets the generators", "rng.bit_generator.state = state", "pass"),
        ("resume forgets the schedule", 'self.schedule.load_state_dict(about["schedule"])', "pass"),
    ],
    "training:Trainer._validate": [
        ("best is the worst", "> self.best:", "< self.best:"),
        ("validation leaves the model in evaluation", "self.model.train()", "pass"),
    ],
    "training:_interrupt_after_step": [
        ("Ctrl-C is lost", "event.set()", "pass"),
    ],
}
