"""The account of the private registry in these tests."""

USER = "press"
PASSWORD = "oil"
HTPASSWD = "press:$2b$04$1z7rGkUdDG3Ytlk2ZrB8oesG6tqocZEcQedyoOfP638W24iYADMiO"
