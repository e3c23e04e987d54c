<?php
/** Runs the PHP publisher for a test: {url, key, spool, options, call, events} on standard input, the outcome on output. */
error_reporting(E_ALL);
set_error_handler(function (int $level, string $text, string $file, int $line): bool {
    if (!(error_reporting() & $level)) {
        return false; // silenced by @
    }
    throw new ErrorException($text, 0, $level, $file, $line);
});
require $argv[1];
$given = json_decode(stream_get_contents(STDIN), true);
$publisher = new MesChainPublisher($given['url'], $given['key'], $given['spool'], $given['options']);
ob_start();
var_dump($publisher);
if (strpos(ob_get_clean(), $given['key']) !== false) {
    throw new LogicException('The publisher shows its key.');
}
try {
    $done = $given['call'] === 'flush' ? $publisher->flush() : $publisher->publish($given['events']);
    echo json_encode(['done' => $done]);
} catch (MesChainPublishFailed $error) {
    echo json_encode(['refused' => $error->getMessage()]);
}
