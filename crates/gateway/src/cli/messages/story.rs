//! The story of one message as it is printed.

use gatepost_store::MessageStory;
use gatepost_store::story::Line;

use super::super::out::one_line;

/// The story for people.
pub(crate) fn text(story: &MessageStory, lines: &[Line]) -> String {
    let mut text = format!("message {}\n", story.id);
    if !story.subject.is_empty() {
        text.push_str(&format!("subject {}\n", one_line(&story.subject)));
    }
    text.push('\n');
    for line in lines {
        text.push_str(&format!("{}  {}\n", line.at.rfc3339(), one_line(&line.text)));
        for more in &line.more {
            text.push_str(&format!("{:22}{}\n", "", one_line(more)));
        }
    }
    text
}

#[cfg(test)]
mod tests;
