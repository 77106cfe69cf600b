import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import org.apache.kafka.common.utils.Exit;

/**
 * Runs Apache Kafka's command-line tools one after the other in one JVM, since most of a call's time is otherwise the
 * start of a JVM.
 *
 * Each line of standard input is one call, its fields separated by U+001F: the files for standard input, output and
 * error, the tool's class, its arguments. The answer is one line with the status that the tool ended with.
 *
 * The argument is the class path of the tools (kafka-tools and kafka-core): they are loaded anew for each call, so that
 * their static fields begin afresh. What they stand on is loaded once, and must be on the JVM's own class path.
 */
public class ToolServer {
    /** Thrown in place of ending the JVM. */
    private static class Ended extends Error {
        final int status;

        Ended(int status) {
            super("ended with " + status, null, false, false);
            this.status = status;
        }
    }

    private final List<Runnable> hooks = new ArrayList<>();
    private volatile Integer status;

    public static void main(String[] args) throws Exception {
        new ToolServer().serve(args[0]);
    }

    private void serve(String toolPath) throws Exception {
        PrintStream answers = System.out;
        System.setOut(System.err);
        Exit.Procedure end = (code, message) -> {
            if (status == null) status = code;
            throw new Ended(code);
        };
        Exit.setExitProcedure(end);
        Exit.setHaltProcedure(end);
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        List<URL> urls = new ArrayList<>();
        for (String entry : toolPath.split(":")) urls.add(Path.of(entry).toUri().toURL());
        BufferedReader calls = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = calls.readLine(); line != null; line = calls.readLine()) {
            answers.println(call(line.split("\u001f", -1), urls.toArray(new URL[0])));
            answers.flush();
        }
        Runtime.getRuntime().halt(0);
    }

    private int call(String[] fields, URL[] urls) throws Exception {
        InputStream in = System.in;
        PrintStream out = System.out;
        PrintStream err = System.err;
        status = null;
        hooks.clear();
        try (InputStream input = new FileInputStream(fields[0]);
             PrintStream output = new PrintStream(new FileOutputStream(fields[1]), true, StandardCharsets.UTF_8);
             PrintStream error = new PrintStream(new FileOutputStream(fields[2]), true, StandardCharsets.UTF_8);
             URLClassLoader loader = new URLClassLoader(urls, ToolServer.class.getClassLoader())) {
            System.setIn(input);
            System.setOut(output);
            System.setErr(error);
            Thread.currentThread().setContextClassLoader(loader);
            Integer ended = run(loader, fields[3], Arrays.copyOfRange(fields, 4, fields.length));
            for (Runnable hook : new ArrayList<>(hooks)) hook.run();
            return ended;
        } finally {
            System.setIn(in);
            System.setOut(out);
            System.setErr(err);
        }
    }

    /** Runs a tool's main method. A JVM whose main method throws ends with 1. */
    private int run(ClassLoader loader, String name, String[] arguments) throws Exception {
        try {
            Class.forName(name, true, loader).getMethod("main", String[].class).invoke(null, (Object) arguments);
        } catch (InvocationTargetException e) {
            Throwable cause = e.getCause();
            if (!(cause instanceof Ended)) {
                cause.printStackTrace();
                return 1;
            }
        }
        return status == null ? 0 : status;
    }
}
