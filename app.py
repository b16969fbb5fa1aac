"""The web page. Run it with ``python app.py`` and open the address that it prints."""

from cliptta_demo.web import make_demo, serve

demo = make_demo()

if __name__ == "__main__":
    serve(demo)
