"""What must be seen with Keras: facts of models and data, trials before training, changes."""
