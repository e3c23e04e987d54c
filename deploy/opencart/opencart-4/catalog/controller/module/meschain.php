<?php
namespace Opencart\Catalog\Controller\Extension\Meschain\Module;

/**
 * Tells MesChain-Sync of orders as they are placed and change, in OpenCart 4.
 */
class Meschain extends \Opencart\System\Engine\Controller
{
    /**
     * Event: after an order got another line in its history. Whatever goes wrong, the buyer's page goes on.
     *
     * @param array<int, mixed> $args
     */
    public function order(string &$route, array &$args, mixed &$output): void
    {
        if (!$this->config->get('module_meschain_status') || !$this->config->get('module_meschain_orders')) {
            return;
        }
        try {
            require_once DIR_EXTENSION . 'meschain/system/library/meschain_shop.php';
            $this->load->model('checkout/order');
            $order = $this->model_checkout_order->getOrder((int)$args[0]);
            $event = $order ? \MesChainShop::orderEvent(
                $order,
                $this->model_checkout_order->getProducts((int)$args[0]),
                (int)$this->currency->getDecimalPlace($order['currency_code']),
                (int)$this->config->get('config_void_status_id')
            ) : [];
            if ($event) {
                $publisher = new \MesChainPublisher(
                    (string)$this->config->get('module_meschain_url'),
                    (string)$this->config->get('module_meschain_key'),
                    DIR_STORAGE . 'meschain.spool',
                    ['attempts' => 1, 'timeout_milliseconds' => 2000] // a buyer waits; what is late goes into the spool
                );
                $publisher->publish([$event]);
            }
        } catch (\Throwable $error) {
            $this->log->write('MesChain-Sync: order ' . (int)($args[0] ?? 0) . ' was not told: ' . $error->getMessage());
        }
    }
}
