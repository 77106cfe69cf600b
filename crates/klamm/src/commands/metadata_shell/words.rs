//! Which commands there are, and what they take.

/// A command of the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Command {
    Cat,
    Cd,
    Exit,
    Find,
    Help,
    History,
    Ls,
    Man,
    Pwd,
    Tree,
}

/// How a command is called.
pub(super) struct Usage {
    pub(super) command: Command,
    pub(super) name: &'static str,
    pub(super) arguments: &'static str,
    pub(super) purpose: &'static str,
    /// How many arguments it takes, the least and the most.
    counts: (usize, usize),
    /// Whether it makes sense in a conversation only.
    in_shell_only: bool,
}

const fn usage(
    command: Command,
    [name, arguments, purpose]: [&'static str; 3],
    counts: (usize, usize),
    in_shell_only: bool,
) -> Usage {
    Usage { command, name, arguments, purpose, counts, in_shell_only }
}

const ANY: usize = usize::MAX;

/// All commands, by name.
pub(super) const COMMANDS: [Usage; 10] = [
    usage(Command::Cat, ["cat", "FILE...", "Prints what files hold."], (1, ANY), false),
    usage(Command::Cd, ["cd", "[DIRECTORY]", "Goes to a directory; without one to the root."], (0, 1), true),
    usage(Command::Exit, ["exit", "", "Leaves the shell."], (0, 0), true),
    usage(Command::Find, ["find", "[PATH...]", "Lists everything below."], (0, ANY), false),
    usage(Command::Help, ["help", "", "Lists the commands."], (0, 0), true),
    usage(Command::History, ["history", "[COUNT]", "Lists what was entered."], (0, 1), true),
    usage(Command::Ls, ["ls", "[PATH...]", "Lists directories."], (0, ANY), false),
    usage(Command::Man, ["man", "COMMAND", "Tells about a command."], (1, 1), true),
    usage(Command::Pwd, ["pwd", "", "Prints where we are."], (0, 0), true),
    usage(
        Command::Tree,
        ["tree", "PATH...", "Prints everything below, with what it holds."],
        (1, ANY),
        false,
    ),
];

impl Usage {
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.name, self.arguments).trim_end().to_owned()
    }
}

/// The command that words call, or what is wrong with them, in the words of Kafka's shell.
pub(super) fn parse(words: &[&str], in_shell: bool) -> Result<Command, String> {
    let (name, arguments) = words.split_first().map_or(("", words), |(name, rest)| (*name, rest));
    let known = || COMMANDS.iter().filter(|usage| in_shell || !usage.in_shell_only);
    let quoted = |names: &[&str]| names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let meant = match known().find(|usage| usage.name == name) {
        Some(usage) => usage,
        None => {
            let like: Vec<&Usage> = known().filter(|usage| usage.name.starts_with(name)).collect();
            match like.as_slice() {
                [one] => *one,
                [] => {
                    let names: Vec<&str> = known().map(|usage| usage.name).collect();
                    return Err(format!("invalid choice: '{name}' (choose from {})", quoted(&names)));
                }
                several => {
                    let names: Vec<&str> = several.iter().map(|usage| usage.name).collect();
                    return Err(format!("ambiguous command: {name} could match {}", names.join(", ")));
                }
            }
        }
    };
    let (least, most) = meant.counts;
    if let Some(option) = arguments.iter().find(|word| word.len() > 1 && word.starts_with('-')) {
        return Err(format!("unrecognized arguments: '{option}'"));
    }
    if arguments.len() < least {
        return Err("too few arguments".to_owned());
    }
    if arguments.len() > most {
        return Err(format!("unrecognized arguments: '{}'", arguments[most..].join(" ")));
    }
    if meant.name != name {
        return Err(format!("invalid choice: '{name}': did you mean '{}'?", meant.name));
    }
    Ok(meant.command)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_calls_are_told_as_kafka_tells_them() {
        for (line, in_shell, expect) in [
            ("pwd", true, Ok(Command::Pwd)),
            ("pwd", false, Err("invalid choice: 'pwd' (choose from 'cat', 'find', 'ls', 'tree')")),
            ("cat", false, Err("too few arguments")),
            ("ca /", false, Err("invalid choice: 'ca': did you mean 'cat'?")),
            ("c", false, Err("too few arguments")),
            ("c /", true, Err("ambiguous command: c could match cat, cd")),
            (
                "rm x",
                true,
                Err(
                    "invalid choice: 'rm' (choose from 'cat', 'cd', 'exit', 'find', 'help', 'history', 'ls', 'man', 'pwd', 'tree')",
                ),
            ),
            ("cd a b", true, Err("unrecognized arguments: 'b'")),
            ("ls -l", true, Err("unrecognized arguments: '-l'")),
            ("ls", false, Ok(Command::Ls)),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            assert_eq!(parse(&words, in_shell), expect.map_err(str::to_owned), "{line}");
        }
    }
}
