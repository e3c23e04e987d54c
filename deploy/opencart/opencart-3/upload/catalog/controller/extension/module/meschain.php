<?php
/**
 * Tells MesChain-Sync of orders as they are placed and change, in OpenCart 3.0.4.
 */
class ControllerExtensionModuleMeschain extends Controller
{
    /** Event: after an order got another line in its history. Whatever goes wrong, the buyer's page goes on. */
    public function order(&$route, &$args, &$output)
    {
        if (!$this->config->get('module_meschain_status') || !$this->config->get('module_meschain_orders')) {
            return;
        }
        try {
            require_once DIR_SYSTEM . 'library/meschain/meschain_shop.php';
            $this->load->model('checkout/order');
            $order = $this->model_checkout_order->getOrder((int)$args[0]);
            $event = $order ? MesChainShop::orderEvent(
                $order,
                $this->model_checkout_order->getOrderProducts((int)$args[0]),
                (int)$this->currency->getDecimalPlace($order['currency_code']),
                0 // 3.x voids nothing
            ) : [];
            if ($event) {
                $publisher = new MesChainPublisher(
                    (string)$this->config->get('module_meschain_url'),
                    (string)$this->config->get('module_meschain_key'),
                    DIR_STORAGE . 'meschain.spool',
                    ['attempts' => 1, 'timeout_milliseconds' => 2000] // a buyer waits; what is late goes into the spool
                );
                $publisher->publish([$event]);
            }
        } catch (Throwable $error) {
            $order = isset($args[0]) ? (int)$args[0] : 0;
            $this->log->write('MesChain-Sync: order ' . $order . ' was not told: ' . $error->getMessage());
        }
    }
}
