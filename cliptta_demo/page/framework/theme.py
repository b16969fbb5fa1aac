"""Gradio's theme in the page's own colours; everything finer is in assets/look.css."""

import gradio as gr

SANS = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Noto Sans", "sans-serif"]
MONO = ["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"]
# The style sheet's variables know light and dark by themselves.
COLOURS = {
    "body_background_fill": "var(--page)",
    "body_text_color": "var(--ink)",
    "block_background_fill": "transparent",
    "block_label_background_fill": "transparent",
    "border_color_primary": "var(--line)",
    "input_background_fill": "var(--field)",
    "input_border_color": "var(--line)",
    "slider_color": "var(--ink)",
    "checkbox_background_color_selected": "var(--ink)",
    "checkbox_border_color_selected": "var(--ink)",
    "checkbox_label_background_fill": "transparent",
    "button_primary_background_fill": "var(--ink)",
    "button_primary_background_fill_hover": "var(--ink)",
    "button_primary_text_color": "var(--on-accent)",
    "button_secondary_background_fill": "var(--panel)",
    "button_secondary_border_color": "var(--line)",
}


def build_theme() -> gr.themes.Base:
    """Only fonts of the visitor's machine: nothing is fetched from elsewhere."""
    base = gr.themes.Base(
        primary_hue=gr.themes.colors.blue,
        neutral_hue=gr.themes.colors.slate,
        font=SANS,
        font_mono=MONO,
        radius_size=gr.themes.sizes.radius_md,
        text_size=gr.themes.sizes.text_sm,
    )
    dark = {f"{name}_dark": colour for name, colour in COLOURS.items()}
    return base.set(block_border_width="0px", block_shadow="none", **COLOURS, **dark)
